"""A libzmq at the other end: does what it is told on standard input, line by line, and answers each line.

    socket NAME TYPE          a new socket, e.g. `socket a DEALER`
    set NAME OPTION VALUE     an integer, or hex after `x`; e.g. `set a IDENTITY x6162`
    bind NAME ENDPOINT        answers the endpoint as bound
    connect NAME ENDPOINT
    send NAME FRAME,FRAME     frames in hex
    recv NAME                 answers the frames, or `none` after ten seconds
    poll NAME MILLISECONDS    answers whether something can be received in that time: 1 or 0
    proxy NAME NAME           joins two sockets, in the background, for good
    close NAME

An answer is `ok`, a blank and the result, or `error` and what went wrong.
"""

import sys
import threading

import zmq

from curve_everywhere import before_bind, before_connect

context = zmq.Context()
sockets = {}


def do(command, name, *arguments):
    if command == "socket":
        sockets[name] = context.socket(getattr(zmq, arguments[0]))
        sockets[name].linger = 0
        sockets[name].rcvtimeo = 10_000
        sockets[name].sndtimeo = 10_000
        return ""
    socket = sockets[name]
    if command == "set":
        option, value = arguments
        socket.set(
            getattr(zmq, option),
            bytes.fromhex(value[1:]) if value.startswith("x") else int(value),
        )
    elif command == "bind":
        before_bind(socket)
        socket.bind(arguments[0])
        return socket.last_endpoint.decode().rstrip("\0")
    elif command == "connect":
        before_connect(socket)
        socket.connect(arguments[0])
    elif command == "send":
        socket.send_multipart([bytes.fromhex(frame) for frame in arguments[0].split(",")])
    elif command == "recv":
        try:
            return ",".join(frame.hex() for frame in socket.recv_multipart())
        except zmq.Again:
            return "none"
    elif command == "poll":
        return str(socket.poll(int(arguments[0])))
    elif command == "proxy":
        other = sockets[arguments[0]]
        threading.Thread(target=lambda: zmq.proxy(socket, other), daemon=True).start()
    elif command == "close":
        sockets.pop(name).close()
    else:
        raise ValueError(command)
    return ""


for line in sys.stdin:
    try:
        print("ok", do(*line.rstrip("\n").split(" ")), flush=True)
    except Exception as error:
        print("error", repr(error), flush=True)
