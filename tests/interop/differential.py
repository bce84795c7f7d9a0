"""The libzmq side of the differential test: does what each line on standard input says, and answers it by one line.

    world                       closes everything, and begins with a new context
    new S TYPE [OPTION=VALUE]   a socket; options `id` (hex), `send_mark`, `receive_mark`,
                                `immediate`, `correlated`
    bind S ENDPOINT | connect S ENDPOINT | unbind S ENDPOINT | disconnect S ENDPOINT
    peers S COUNT               waits until so many connections of S have shaken hands and live
    close S
    send S FRAME,FRAME          without waiting: `ok`, `again` or `unroutable`
    fill S                      sends 0, 1, 2, ... until that would wait; how many went
    until S FRAME,FRAME         the same, again and again until it goes
    reach R ID FRAME,FRAME      the same of a ROUTER that has connected, to the peer of that id
    pump                        has every socket do what is left for it to do
    gone R ID                   waits until a message to ID is refused
    again R S TYPE ENDPOINT FRAMES  a new PAIR, or with `DEALER:ID` a DEALER of that id, until R has heard it; what R has
                                heard. In libzmq the place may be taken for a moment after its owner has gone, and who
                                comes in that moment is ignored for good
    gather S,S COUNT            waits for so many messages of all S together; for each S those that came
    more S                      what else has come, if anything
    silent S MILLISECONDS       `again` if nothing comes for so long
    ask Q R,R BODY              a request and its reply: which R was asked, and the reply
    late Q R BODY BODY          a request that is given up before R replies, and another one: the reply
    sub S TOPIC | unsub S TOPIC
    settle P S,S                waits until P knows all that the S have subscribed to, and the S have all that P has sent

Frames are hex, an empty one is `-`. Messages and topics that begin with `~` are those of `settle`, and not shown.
"""

import sys
import time

import zmq
from zmq.utils.monitor import recv_monitor_message

PATIENCE = 20
# Not the byte 1: to libzmq, the end of a subscription to a topic that begins with it is a subscription to the rest.
FENCE = b"~"


def read(frames):
    return [b"" if frame == "-" else bytes.fromhex(frame) for frame in frames.split(",")]


def written(frames):
    return ",".join(frame.hex() or "-" for frame in frames)


class Peer:
    def __init__(self, context, kind, options):
        self.socket = context.socket(getattr(zmq, kind))
        self.socket.linger = 0
        self.socket.sndtimeo = 50
        self.socket.rcvtimeo = PATIENCE * 1000
        self.socket.reconnect_ivl = 20
        self.kind = kind
        self.kept = []
        self.live = 0
        for option in options:
            name, value = option.split("=")
            if name == "id":
                self.socket.set(zmq.IDENTITY, bytes.fromhex(value))
            elif name == "immediate":
                self.socket.immediate = 1
            elif name == "correlated":
                self.socket.set(zmq.REQ_CORRELATE, 1)
                self.socket.set(zmq.REQ_RELAXED, 1)
            else:
                self.socket.set(zmq.SNDHWM if name == "send_mark" else zmq.RCVHWM, int(value))
        if kind == "ROUTER":
            self.socket.router_mandatory = 1
        self.monitor = self.socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
        )

    def peers(self):
        while self.monitor.poll(0):
            event = recv_monitor_message(self.monitor)["event"]
            self.live += 1 if event == zmq.EVENT_HANDSHAKE_SUCCEEDED else -1
        self.socket.get(zmq.EVENTS)
        return self.live

    def take(self, milliseconds=0):
        """Receives what there is into `kept`, waiting for the first; true if any fence came."""
        fenced = False
        if not self.socket.poll(milliseconds):
            return fenced
        while True:
            try:
                frames = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return fenced
            head = frames[0][1:2] if self.kind == "XPUB" else frames[0][:1]
            if head == FENCE:
                fenced = True
            else:
                self.kept.append(written(frames))

    def close(self):
        self.socket.disable_monitor()
        self.monitor.close(0)
        self.socket.close(0)


def until(condition):
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > PATIENCE:
            return False
        time.sleep(0.001)
    return True


class World:
    def __init__(self):
        self.context = zmq.Context()
        self.all = {}
        self.fences = 0

    def do(self, command, *arguments):
        return getattr(self, command)(*arguments)

    def world(self):
        for peer in self.all.values():
            peer.close()
        self.all = {}
        self.context.destroy(0)
        self.context = zmq.Context()

    def new(self, name, kind, *options):
        self.all[name] = Peer(self.context, kind, options)

    def bind(self, name, endpoint):
        def bound():
            try:
                self.all[name].socket.bind(endpoint)
                return True
            except zmq.ZMQError as error:
                if error.errno != zmq.EADDRINUSE:
                    raise
                return False

        return "ok" if until(bound) else "in use"

    def connect(self, name, endpoint):
        self.all[name].socket.connect(endpoint)

    def unbind(self, name, endpoint):
        self.all[name].socket.unbind(endpoint)

    def disconnect(self, name, endpoint):
        self.all[name].socket.disconnect(endpoint)

    def peers(self, name, count):
        def there():
            # A libzmq socket does its part of an end only inside a call.
            for peer in self.all.values():
                peer.peers()
            return self.all[name].live == int(count)

        return "ok" if until(there) else str(self.all[name].live)

    def close(self, name):
        self.all.pop(name).close()

    def send(self, name, frames):
        try:
            self.all[name].socket.send_multipart(read(frames), zmq.NOBLOCK)
            return "ok"
        except zmq.Again:
            return "again"
        except zmq.ZMQError as error:
            if error.errno == zmq.EHOSTUNREACH:
                return "unroutable"
            raise

    def until(self, name, frames):
        return "ok" if until(lambda: self.send(name, frames) == "ok") else "never"

    def reach(self, name, identity, frames):
        return self.until(name, identity + "," + frames)

    def pump(self):
        for peer in self.all.values():
            peer.socket.get(zmq.EVENTS)

    def fill(self, name):
        sent = 0
        while self.send(name, (b"%d" % sent).hex()) == "ok":
            sent += 1
        return str(sent)

    def gone(self, name, identity):
        return "ok" if until(lambda: self.send(name, identity + ",00") == "unroutable") else "there"

    def again(self, other, name, kind, endpoint, frames):
        def heard():
            if name in self.all:
                self.close(name)
            kind_and_id = kind.split(":")
            self.new(name, kind_and_id[0], *("id=" + identity for identity in kind_and_id[1:]))
            self.connect(name, endpoint)
            self.send(name, frames)
            self.all[other].take(3000)
            return self.all[other].kept

        until(heard)
        return self.kept(self.all[other])

    def gather(self, names, count):
        peers = [self.all[name] for name in names.split(",")]

        def came():
            for peer in peers:
                peer.take()
            return sum(len(peer.kept) for peer in peers) >= int(count)

        until(came)
        return "|".join(self.kept(peer) for peer in peers)

    def kept(self, peer):
        kept, peer.kept = peer.kept, []
        return ";".join(kept)

    def more(self, name):
        self.all[name].take()
        return self.kept(self.all[name])

    def silent(self, name, milliseconds):
        self.all[name].take(int(milliseconds))
        return self.kept(self.all[name]) or "again"

    def ask(self, name, services, body):
        asking = self.all[name].socket
        if not asking.poll(50, zmq.POLLOUT):
            return "again"
        asking.send(bytes.fromhex(body))
        asked = []

        def served():
            for service in services.split(","):
                socket = self.all[service].socket
                if socket.poll(0):
                    socket.send(socket.recv() + b"!")
                    asked.append(service)
                    return True
            return False

        if not until(served) or not asking.poll(PATIENCE * 1000):
            return "nobody"
        return asked[0] + " " + written(asking.recv_multipart())

    def late(self, name, service, first, second):
        asking, serving = self.all[name].socket, self.all[service].socket
        asking.send(bytes.fromhex(first))
        request = serving.recv()
        asking.send(bytes.fromhex(second))
        serving.send(request + b"!")
        serving.send(serving.recv() + b"!")
        return written(asking.recv_multipart())

    def sub(self, name, topic, kind=1):
        socket = self.all[name].socket
        topic = b"" if topic == "-" else bytes.fromhex(topic)
        if self.all[name].kind == "XSUB":
            socket.send(bytes([kind]) + topic)
        else:
            socket.set(zmq.SUBSCRIBE if kind else zmq.UNSUBSCRIBE, topic)

    def unsub(self, name, topic):
        self.sub(name, topic, 0)

    def settle(self, publisher, subscribers):
        for name in subscribers.split(","):
            self.fences += 1
            fence = FENCE + b"%d" % self.fences
            self.sub(name, fence.hex())

            def through():
                self.all[publisher].socket.send(fence)
                return self.all[name].take(5)

            if not until(through):
                return name + " hears nothing"
            self.unsub(name, fence.hex())
        return "ok"


world = World()
print("ok", zmq.zmq_version(), flush=True)
for line in sys.stdin:
    try:
        print("ok", world.do(*line.split()) or "ok", flush=True)
    except Exception as error:
        print("error", repr(error).replace("\n", " "), flush=True)
