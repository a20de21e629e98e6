"""A stand-in for the design that Spillway replaces: a threading XML-RPC server that hands each call to the next of its
workers, threading XML-RPC servers that start a process for each call.

    origin.py front PORT WORKER_PORT...
    origin.py worker PORT
"""

import itertools
import multiprocessing
import sys
from socketserver import ThreadingMixIn
from xmlrpc.client import ServerProxy
from xmlrpc.server import SimpleXMLRPCServer


class Server(ThreadingMixIn, SimpleXMLRPCServer):
    daemon_threads = True
    request_queue_size = 1024


def add(a, b):
    return a + b


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


FUNCTIONS = {"add": add, "fibonacci": fibonacci}


def in_process(name, params, results):
    results.send(FUNCTIONS[name](*params))


def call(name, *params):
    receiving, sending = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=in_process, args=(name, params, sending))
    process.start()
    result = receiving.recv()
    process.join()
    return result


def serve(port, function):
    server = Server(("127.0.0.1", port), logRequests=False, allow_none=True)
    server.register_function(function, "call")
    server.serve_forever()


def main(role, port, *worker_ports):
    if role == "worker":
        serve(int(port), call)
        return
    turn = itertools.cycle(worker_ports)

    def relay(name, *params):
        with ServerProxy(f"http://127.0.0.1:{next(turn)}", allow_none=True) as worker:
            return worker.call(name, *params)

    serve(int(port), relay)


main(*sys.argv[1:])
