"""What keeps an agency from exchanging records, said in words that its engineers can act on.

reach.py   from here to the agency's server: address, connection, certificates, clock
heard.py   from the agency to here: what the log says that it tried
"""
