//! Each socket type with libzmq at the other end, over PLAIN and with the feature `curve` over CURVE: whichever end is the
//! server, and whichever binds. Their server decides by a `ThreadAuthenticator` of pyzmq, ours by its own lists.
//!
//! A REQ of libzmq 4.3.5 that is the server of PLAIN or CURVE receives no reply, from any peer, if its ZAP handler has given the
//! peer a user id, as that of pyzmq does: `stream_engine_base_t::write_credential` pushes the id, with the flag `credential`,
//! before the first message, and `req_session_t::push_msg` refuses any first frame whose flags are not `more` alone (`EFAULT`),
//! which ends the connection. So such a REQ has a handler here that gives no user id, and
//! `a_req_of_libzmq_that_serves_refuses_the_first_reply_of_a_peer_with_a_user_id` shows the fault with a REP of libzmq.
#![cfg(not(highwater_curve_everywhere))]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use crossbeam_channel::{Receiver, unbounded};
#[cfg(feature = "curve")]
use highwater::security::{AllowKeys, Certificate, FileNames, Keypair};
use highwater::security::{Passwords, Security};
use highwater::{
    Context, Dealer, Endpoint, Message, Pair, Pub, Pull, Push, Rep, Req, Router, Sub, Transport,
    Upstream, XPub, XSub,
};
use support::{PATIENCE, Place, Python, over_each_transport, pass, pattern, wait_until};

over_each_transport!(
    each_type_over_plain,
    a_req_of_libzmq_that_serves_refuses_the_first_reply_of_a_peer_with_a_user_id,
);
#[cfg(feature = "curve")]
over_each_transport!(each_type_over_curve);

/// A process of theirs and the roles in it.
struct World<'a> {
    python: Python,
    /// One whose ZAP handler gives no user id, for a REQ that is the server.
    without_ids: Python,
    place: &'a Place,
    we_serve: bool,
    we_bind: bool,
    credentials: Credentials,
}

enum Credentials {
    Plain,
    #[cfg(feature = "curve")]
    Curve {
        ours: Keypair,
        /// Public and secret, in Z85.
        theirs: (String, String),
        /// With our certificate, for their authenticator.
        _folder: tempfile::TempDir,
    },
}

impl World<'_> {
    /// The security of our socket.
    fn ours(&self) -> Security {
        match &self.credentials {
            Credentials::Plain if self.we_serve => {
                Security::plain_server(Passwords::from([("anna", "secret")]))
            }
            Credentials::Plain => Security::plain_client("anna", "secret").expect("short"),
            #[cfg(feature = "curve")]
            Credentials::Curve { ours, theirs, .. } => {
                let theirs = theirs.0.parse().expect("a key");
                if self.we_serve {
                    Security::curve_server(ours).only(AllowKeys::new([theirs]))
                } else {
                    Security::curve_client(ours, theirs)
                }
            }
        }
    }

    /// Makes their socket, `x`.
    fn make_theirs(&mut self, kind: &str) {
        let mut options: Vec<(&str, String)> = Vec::new();
        if !self.we_serve {
            options.push(("ZAP_DOMAIN", ":test".to_owned()));
        }
        match &self.credentials {
            Credentials::Plain if self.we_serve => {
                options.push(("PLAIN_USERNAME", ":anna".to_owned()));
                options.push(("PLAIN_PASSWORD", ":secret".to_owned()));
            }
            Credentials::Plain => options.push(("PLAIN_SERVER", "1".to_owned())),
            #[cfg(feature = "curve")]
            Credentials::Curve { ours, theirs, .. } => {
                options.push(("CURVE_SECRETKEY", format!(":{}", theirs.1)));
                if self.we_serve {
                    options.push(("CURVE_PUBLICKEY", format!(":{}", theirs.0)));
                    options.push(("CURVE_SERVERKEY", format!(":{}", ours.public())));
                } else {
                    options.push(("CURVE_SERVER", "1".to_owned()));
                }
            }
        }
        self.python.ask(&format!("new x {kind}"));
        for (name, value) in options {
            self.python.ask(&format!("set x {name} {value}"));
        }
    }

    fn bind_theirs(&mut self) -> String {
        let at = match self.place.transport() {
            Transport::Tcp => "tcp://127.0.0.1:*".to_owned(),
            _ => self.place.vacant(),
        };
        self.python.ask(&format!("bind x {at}"))
    }
}

/// Has a socket of ours meet one of theirs, with each end as the server and each end binding, and talk.
macro_rules! talk {
    ($world:expr, $($ours:ident with $theirs:literal: $talk:expr;)+) => {$(
        for (we_serve, we_bind) in [(true, true), (true, false), (false, true), (false, false)] {
            println!(
                "{} with their {}, we serve: {we_serve}, we bind: {we_bind}",
                stringify!($ours),
                $theirs
            );
            let world: &mut World<'_> = $world;
            (world.we_serve, world.we_bind) = (we_serve, we_bind);
            let req_serves = !we_serve && $theirs == "REQ";
            if req_serves {
                std::mem::swap(&mut world.python, &mut world.without_ids);
            }
            let context = Context::new();
            let mut ours = $ours::builder(&context).security(world.ours()).build();
            world.make_theirs($theirs);
            if we_bind {
                let at = ours.bind(world.place.vacant().as_str()).expect("bound");
                world.python.ask(&format!("connect x {at}"));
            } else {
                let at = world.bind_theirs();
                ours.connect(at.as_str()).expect("connects");
            }
            let talk: fn(&mut $ours, &mut Python) = $talk;
            talk(&mut ours, &mut world.python);
            let peers = ours.peers();
            let mechanism = world.credentials.mechanism();
            assert_eq!(peers.iter().map(|peer| peer.mechanism).collect::<Vec<_>>(), [mechanism]);
            world.python.ask("close x");
            if req_serves {
                std::mem::swap(&mut world.python, &mut world.without_ids);
            }
        }
    )+};
}

impl Credentials {
    fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            #[cfg(feature = "curve")]
            Self::Curve { .. } => "CURVE",
        }
    }
}

/// A short body, one that is a long frame, and a large one.
fn bodies() -> [Vec<u8>; 4] {
    [
        Vec::new(),
        vec![7; 31],
        pattern(300, 3),
        pattern(300_000, 1),
    ]
}

fn we_send(theirs: &mut Python, head: &[&str], send: impl Fn(Message)) {
    for body in bodies() {
        let heads = head.iter().map(|part| part.as_bytes().to_vec());
        let message: Message = heads.chain([body]).collect();
        send(message.clone());
        assert_eq!(theirs.recv("x"), message);
    }
}

/// Waits until `count` subscriptions are one.
fn until_subscribed(theirs: &mut Python, count: impl Fn() -> usize) {
    wait_until("the subscription", || {
        // libzmq sends what it owes inside a call on the socket.
        theirs.ask("poll x 5");
        count() == 1
    });
}

fn they_send(theirs: &mut Python, head: &[&str], recv: impl Fn() -> Message) {
    for body in bodies() {
        let heads = head.iter().map(|part| part.as_bytes().to_vec());
        let message: Message = heads.chain([body]).collect();
        theirs.send("x", &message);
        assert_eq!(recv(), message);
    }
}

fn each_type(world: &mut World<'_>) {
    talk!(world,
        Push with "PULL": |push, theirs| we_send(theirs, &[], |message| push.send(message).expect("sent"));
        Pull with "PUSH": |pull, theirs| {
            they_send(theirs, &[], || pull.recv_timeout(PATIENCE).expect("received"));
        };
        Pair with "PAIR": |pair, theirs| {
            we_send(theirs, &[], |message| pair.send(message).expect("sent"));
            they_send(theirs, &[], || pair.recv_timeout(PATIENCE).expect("received"));
        };
        Dealer with "DEALER": |dealer, theirs| {
            we_send(theirs, &[], |message| dealer.send(message).expect("sent"));
            they_send(theirs, &[], || dealer.recv_timeout(PATIENCE).expect("received"));
        };
        Dealer with "REP": |dealer, theirs| {
            for body in bodies() {
                dealer.send([&b""[..], &body]).expect("sent");
                assert_eq!(theirs.recv("x"), body);
                theirs.send("x", &Message::from(&body[..]));
                let answer = dealer.recv_timeout(PATIENCE).expect("received");
                assert_eq!(answer, [&b""[..], &body]);
            }
        };
        Dealer with "ROUTER": |dealer, theirs| {
            dealer.send("who am I?").expect("sent");
            let asked = theirs.recv("x");
            theirs.send("x", &[&asked[0][..], b"you"].into());
            assert_eq!(dealer.recv_timeout(PATIENCE).expect("received"), "you");
        };
        Router with "DEALER": |router, theirs| {
            theirs.send("x", &"hello".into());
            let (id, message) = router.recv_timeout(PATIENCE).expect("received");
            assert_eq!(message, "hello");
            we_send(theirs, &["to you"], |message| router.send_to(&id, message).expect("sent"));
        };
        Router with "REQ": |router, theirs| {
            theirs.send("x", &"what?".into());
            let (id, message) = router.recv_timeout(PATIENCE).expect("received");
            assert_eq!(message, ["", "what?"]);
            router.send_to(&id, ["", "that"]).expect("sent");
            assert_eq!(theirs.recv("x"), "that");
        };
        Req with "REP": |req, theirs| {
            for body in bodies() {
                let pending = req.send(&body[..]).expect("sent");
                assert_eq!(theirs.recv("x"), body);
                theirs.send("x", &Message::from(&body[..]));
                assert_eq!(pending.recv_timeout(PATIENCE).expect("answered"), body);
            }
        };
        Req with "ROUTER": |req, theirs| {
            let pending = req.send("what?").expect("sent");
            let asked = theirs.recv("x");
            theirs.send("x", &[&asked[0][..], b"", b"that"].into());
            assert_eq!(pending.recv_timeout(PATIENCE).expect("answered"), "that");
        };
        Rep with "REQ": |rep, theirs| {
            for body in bodies() {
                theirs.send("x", &Message::from(&body[..]));
                let request = rep.recv_timeout(PATIENCE).expect("received");
                let again = request.message().clone();
                request.reply(again).expect("sent");
                assert_eq!(theirs.recv("x"), body);
            }
        };
        Rep with "DEALER": |rep, theirs| {
            theirs.send("x", &["", "what?"].into());
            rep.recv_timeout(PATIENCE).expect("received").reply("that").expect("sent");
            assert_eq!(theirs.recv("x"), ["", "that"]);
        };
        Pub with "SUB": |publisher, theirs| {
            theirs.ask("subscribe x 746f706963");
            until_subscribed(theirs, || publisher.subscription_count("topic"));
            publisher.send("other").expect("sent");
            we_send(theirs, &["topic"], |message| assert_eq!(publisher.send(message).expect("sent").sent, 1));
        };
        Pub with "XSUB": |publisher, theirs| {
            theirs.send("x", &"\u{1}topic".into());
            until_subscribed(theirs, || publisher.subscription_count("topic"));
            we_send(theirs, &["topic"], |message| assert_eq!(publisher.send(message).expect("sent").sent, 1));
        };
        Sub with "PUB": |sub, theirs| {
            sub.subscribe("topic").expect("subscribed");
            let mut number = 0;
            // A PUB does not tell when it has heard of a subscription.
            wait_until("a message", || {
                number += 1;
                theirs.send("x", &["other", "no"].into());
                theirs.send("x", &["topic".to_owned(), number.to_string()].into());
                sub.try_recv().is_ok_and(|message| message[0] == "topic")
            });
        };
        Sub with "XPUB": |sub, theirs| {
            sub.subscribe("topic").expect("subscribed");
            assert_eq!(theirs.recv("x"), "\u{1}topic");
            they_send(theirs, &["topic"], || sub.recv_timeout(PATIENCE).expect("received"));
            sub.unsubscribe("topic").expect("unsubscribed");
            assert_eq!(theirs.recv("x"), "\0topic");
        };
        XPub with "SUB": |xpub, theirs| {
            theirs.ask("subscribe x 746f706963");
            until_subscribed(theirs, || xpub.subscription_count("topic"));
            let subscribed = Upstream::Subscribe("topic".into());
            assert_eq!(xpub.recv_timeout(PATIENCE), Ok(subscribed));
            we_send(theirs, &["topic"], |message| assert_eq!(xpub.send(message).expect("sent").sent, 1));
            theirs.ask("unsubscribe x 746f706963");
            let cancelled = Upstream::Cancel("topic".into());
            assert_eq!(xpub.recv_timeout(PATIENCE), Ok(cancelled));
        };
        XPub with "XSUB": |xpub, theirs| {
            theirs.send("x", &"\u{1}topic".into());
            until_subscribed(theirs, || xpub.subscription_count("topic"));
            let subscribed = Upstream::Subscribe("topic".into());
            assert_eq!(xpub.recv_timeout(PATIENCE), Ok(subscribed));
            we_send(theirs, &["topic"], |message| assert_eq!(xpub.send(message).expect("sent").sent, 1));
            theirs.send("x", &["up", "stream"].into());
            let message = Upstream::Message(["up", "stream"].into());
            assert_eq!(xpub.recv_timeout(PATIENCE), Ok(message));
            theirs.send("x", &"\0topic".into());
            let cancelled = Upstream::Cancel("topic".into());
            assert_eq!(xpub.recv_timeout(PATIENCE), Ok(cancelled));
        };
        XSub with "PUB": |xsub, theirs| {
            xsub.subscribe("topic").expect("subscribed");
            wait_until("a message", || {
                theirs.send("x", &["topic", "1"].into());
                xsub.try_recv().is_ok_and(|message| message == ["topic", "1"])
            });
        };
        XSub with "XPUB": |xsub, theirs| {
            xsub.subscribe("topic").expect("subscribed");
            assert_eq!(theirs.recv("x"), "\u{1}topic");
            they_send(theirs, &["topic"], || xsub.recv_timeout(PATIENCE).expect("received"));
            xsub.send(["up", "stream"]).expect("sent");
            assert_eq!(theirs.recv("x"), ["up", "stream"]);
            xsub.unsubscribe("topic").expect("unsubscribed");
            assert_eq!(theirs.recv("x"), "\0topic");
        };
    );
}

/// A process of theirs with an authenticator, and one with a handler that gives no user id.
fn authenticated() -> Option<[Python; 2]> {
    let [mut python, mut without_ids] = [Python::start()?, Python::start()?];
    python.ask("authenticate");
    without_ids.ask("let_in");
    Some([python, without_ids])
}

fn each_type_over_plain(place: &Place) {
    let Some([mut python, without_ids]) = authenticated() else {
        return;
    };
    python.ask("users test anna secret");
    each_type(&mut World {
        python,
        without_ids,
        place,
        we_serve: true,
        we_bind: true,
        credentials: Credentials::Plain,
    });
}

#[cfg(feature = "curve")]
fn each_type_over_curve(place: &Place) {
    let Some([mut python, without_ids]) = authenticated() else {
        return;
    };
    let ours = Keypair::generate();
    let folder = tempfile::tempdir().expect("a folder");
    Certificate::public_only(ours.public())
        .save(folder.path().join("ours"), FileNames::Pyzmq)
        .expect("saved");
    python.ask(&format!("keys test {}", folder.path().display()));
    let pair = python.ask("keypair");
    let (public, secret) = pair.split_once(' ').expect("two keys");
    let theirs = (public.to_owned(), secret.to_owned());
    each_type(&mut World {
        python,
        without_ids,
        place,
        we_serve: true,
        we_bind: true,
        credentials: Credentials::Curve {
            ours,
            theirs,
            _folder: folder,
        },
    });
}

/// The same bytes of a REP of theirs and of ours have their REQ end the connection, and come through where no user id is given.
fn a_req_of_libzmq_that_serves_refuses_the_first_reply_of_a_peer_with_a_user_id(place: &Place) {
    if place.transport() != Transport::Tcp {
        // The relay is one of tcp.
        return;
    }
    let Some([mut python, mut without_ids]) = authenticated() else {
        return;
    };
    python.ask("users test anna secret");
    for (theirs, comes_through) in [(&mut python, false), (&mut without_ids, true)] {
        for is_ours in [false, true] {
            theirs.ask("new req REQ");
            theirs.ask("set req PLAIN_SERVER 1");
            theirs.ask("set req ZAP_DOMAIN :test");
            let at: Endpoint = theirs
                .ask("bind req tcp://127.0.0.1:*")
                .parse()
                .expect("one");
            let (through, replies) = recorded(&at);
            let context = Context::new();
            let security = Security::plain_client("anna", "secret").expect("short");
            let rep = Rep::builder(&context).security(security).build();
            if is_ours {
                rep.connect(&*through).expect("connects");
                theirs.send("req", &"what?".into());
                let request = rep.recv_timeout(PATIENCE).expect("received");
                request.reply("that").expect("sent");
            } else {
                theirs.ask("new rep REP");
                theirs.ask("set rep PLAIN_USERNAME :anna");
                theirs.ask("set rep PLAIN_PASSWORD :secret");
                theirs.ask(&format!("connect rep {through}"));
                theirs.send("req", &"what?".into());
                assert_eq!(theirs.recv("rep"), "what?");
                theirs.send("rep", &"that".into());
            }
            if comes_through {
                assert_eq!(theirs.recv("req"), "that");
                theirs.ask("close req");
            }
            let said = replies.recv_timeout(PATIENCE).expect("the connection ends");
            assert!(
                said.ends_with(b"\x01\0\0\x04that"),
                "ours: {is_ours}, {said:?}"
            );
            if !comes_through {
                theirs.ask("close req");
            }
            if !is_ours {
                theirs.ask("close rep");
            }
        }
    }
}

/// Passes connections on to `at`. Gives all that who connected has said on each that has ended.
fn recorded(at: &Endpoint) -> (String, Receiver<Vec<u8>>) {
    let target = (at.ip().expect("tcp"), at.port().expect("tcp"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let through = format!("tcp://{}", listener.local_addr().expect("bound"));
    let (ended, replies) = unbounded();
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let Ok(mut server) = TcpStream::connect(target) else {
                return;
            };
            let [to, from] = [&client, &server].map(|it| it.try_clone().expect("free"));
            std::thread::spawn(move || pass(from, to, None));
            let ended = ended.clone();
            std::thread::spawn(move || {
                let (mut said, mut buffer) = (Vec::new(), [0; 1024]);
                while let Ok(read @ 1..) = client.read(&mut buffer) {
                    said.extend_from_slice(&buffer[..read]);
                    if server.write_all(&buffer[..read]).is_err() {
                        break;
                    }
                }
                let _ = server.shutdown(Shutdown::Both);
                let _ = ended.send(said);
            });
        }
    });
    (through, replies)
}
