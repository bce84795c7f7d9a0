"""A libzmq peer for the interop tests, told by lines on stdin what to do; each gets one line on stdout.

    new NAME TYPE               a socket
    set NAME OPTION VALUE       an option by its pyzmq name; the value is a number, or text after a colon
    bind NAME ENDPOINT          answers the real endpoint
    connect | unbind | disconnect NAME ENDPOINT
    subscribe | unsubscribe NAME FRAME
    poll NAME MILLISECONDS      waits for so long, or until something can be received; libzmq does its work meanwhile
    send NAME FRAME...          one message; answers "again" if it would have to wait
    recv NAME                   answers the frames, or "again" after the timeout of the socket
    send_numbers NAME FROM TO   a message for each number, as decimal text
    recv_numbers NAME COUNT     answers the numbers
    close NAME
    authenticate                a ThreadAuthenticator for the sockets made here
    let_in                      a ZAP handler that lets everybody in and gives no user id
    users DOMAIN NAME PASSWORD...    whom it lets in with PLAIN
    keys DOMAIN FOLDER          whom it lets in with CURVE, by the files in a folder
    keypair                     answers a public and a secret key, in Z85
    certificates FOLDER NAME    makes certificate files, and answers as keypair

A frame is written "-" if empty, "~LENGTH:SEED" if it is the pattern of that length, else in hexadecimal.
Answers begin with "ok", or with "error" and the reason.
"""

import sys
import threading

import zmq

from curve_everywhere import before_bind, before_connect

PERIOD = 251


def pattern(length, seed):
    period = bytes((seed + i) % PERIOD for i in range(PERIOD))
    return (period * (length // PERIOD + 1))[:length]


def read_frame(text):
    if text == "-":
        return b""
    if text.startswith("~"):
        length, seed = text[1:].split(":")
        return pattern(int(length), int(seed))
    return bytes.fromhex(text)


def write_frame(body):
    if not body:
        return "-"
    if len(body) > 64 and body == pattern(len(body), body[0]):
        return f"~{len(body)}:{body[0]}"
    return body.hex()


class Peer:
    def __init__(self):
        self.context = zmq.Context()
        self.sockets = {}

    def new(self, name, kind):
        socket = self.context.socket(getattr(zmq, kind))
        socket.linger = 0
        socket.sndtimeo = socket.rcvtimeo = 60_000
        self.sockets[name] = socket

    def set(self, name, option, value):
        value = value[1:].encode() if value.startswith(":") else int(value)
        self.sockets[name].setsockopt(getattr(zmq, option), value)

    def bind(self, name, endpoint):
        before_bind(self.sockets[name])
        self.sockets[name].bind(endpoint)
        return self.sockets[name].last_endpoint.decode().rstrip("\0")

    def connect(self, name, endpoint):
        before_connect(self.sockets[name])
        self.sockets[name].connect(endpoint)

    def unbind(self, name, endpoint):
        self.sockets[name].unbind(endpoint)

    def disconnect(self, name, endpoint):
        self.sockets[name].disconnect(endpoint)

    def subscribe(self, name, topic):
        self.sockets[name].setsockopt(zmq.SUBSCRIBE, read_frame(topic))

    def unsubscribe(self, name, topic):
        self.sockets[name].setsockopt(zmq.UNSUBSCRIBE, read_frame(topic))

    def poll(self, name, milliseconds):
        self.sockets[name].poll(int(milliseconds))

    def send(self, name, *frames):
        self.sockets[name].send_multipart([read_frame(frame) for frame in frames])

    def recv(self, name):
        return " ".join(write_frame(frame) for frame in self.sockets[name].recv_multipart())

    def recv_property(self, name, key):
        return self.sockets[name].recv(copy=False).get(key)

    def send_numbers(self, name, begin, end):
        for number in range(int(begin), int(end)):
            self.sockets[name].send(b"%d" % number)

    def recv_numbers(self, name, count):
        return " ".join(self.sockets[name].recv().decode() for _ in range(int(count)))

    def close(self, name):
        self.sockets.pop(name).close()

    def authenticate(self):
        from zmq.auth.thread import ThreadAuthenticator

        self.authenticator = ThreadAuthenticator(self.context)
        self.authenticator.start()

    def let_in(self):
        handler = self.context.socket(zmq.REP)
        handler.bind("inproc://zeromq.zap.01")

        def serve():
            while True:
                version, request_id, *_ = handler.recv_multipart()
                handler.send_multipart([version, request_id, b"200", b"OK", b"", b""])

        threading.Thread(target=serve, daemon=True).start()

    def users(self, domain, *pairs):
        users = dict(zip(pairs[::2], pairs[1::2]))
        self.authenticator.configure_plain(domain=domain, passwords=users)

    def keys(self, domain, folder):
        self.authenticator.configure_curve(domain=domain, location=folder)

    def keypair(self):
        public, secret = zmq.curve_keypair()
        return f"{public.decode()} {secret.decode()}"

    def certificates(self, folder, name):
        import zmq.auth

        _, secret_file = zmq.auth.create_certificates(folder, name)
        public, secret = zmq.auth.load_certificate(secret_file)
        return f"{public.decode()} {secret.decode()}"


COMMANDS = {name for name in vars(Peer) if not name.startswith("_")}


def main():
    peer = Peer()
    print("ok", zmq.zmq_version(), flush=True)
    for line in sys.stdin:
        command, *arguments = line.split()
        try:
            if command not in COMMANDS:
                raise ValueError(f"no such command: {command}")
            answer = getattr(peer, command)(*arguments)
            print("ok" if answer is None else f"ok {answer}", flush=True)
        except zmq.Again:
            print("again", flush=True)
        except Exception as error:
            print(f"error {type(error).__name__}: {error}".replace("\n", " "), flush=True)


main()
