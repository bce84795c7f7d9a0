"""Gives libzmq's sockets the keys of ours, in a run of the tests in which every socket speaks CURVE.

The end that binds is the server, the other the client: see `Mechanisms` in src/engine/mechanism.rs.
"""

import os

import zmq
from zmq.utils import z85

EVERYWHERE = "HIGHWATER_CURVE_EVERYWHERE" in os.environ
SECRET = z85.encode(bytes([7] * 32))


def before_bind(socket):
    if EVERYWHERE:
        give_keys(socket)
        socket.curve_server = True


def before_connect(socket):
    if EVERYWHERE:
        give_keys(socket)
        socket.curve_serverkey = zmq.curve_public(SECRET)


def give_keys(socket):
    socket.curve_secretkey = SECRET
    socket.curve_publickey = zmq.curve_public(SECRET)
