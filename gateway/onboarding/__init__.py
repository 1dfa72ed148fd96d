"""What keeps an agency from exchanging records, said in words that its engineers can act on.

reach.py      from here to the agency's server: address, connection, certificates, clock
fetching.py   what the process that fetches finds when it is asked to try
heard.py      from the agency to here: what the log says that it tried
"""
