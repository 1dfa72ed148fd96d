"""HTTPS with client certificates, for every adapter that speaks it: the port, its limits, bodies, and errors in words.

listener.py, connection.py   the port: uvicorn's HTTP/1.1 held to limits, and showing the client's certificate
paths.py                     several adapters' applications on one port
body.py, config.py           a body as it arrives; what a client may cost
problems.py, respond.py      an error's status and words (RFC 9457), and whole answers
"""
