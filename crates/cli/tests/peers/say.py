"""A Client that sends one literal and prints what the listener takes it for."""
import ast
import sys
from multiprocessing.connection import Client

from wire import AUTHKEY, address, tell

try:
    connection = Client(address(sys.argv[1]), authkey=AUTHKEY)
except Exception as error:
    tell('not connected:', type(error).__name__)
    sys.exit(0)
connection.send(ast.literal_eval(sys.argv[2]))
tell(connection.recv()[0])
