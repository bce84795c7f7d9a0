//! CURVE: sealed traffic between two sockets, and where it is cut, changed or read slowly.
#![cfg(feature = "curve")]

mod support;

use highwater::security::{Keypair, Security};
use highwater::{Context, Pull, Push, Rep, Req};

use support::{Place, over_each_transport};

over_each_transport!(messages_of_all_lengths_arrive, requests_are_answered,);

fn server(pair: &Keypair) -> Security {
    Security::curve_server(pair).anyone()
}

fn client(server: &Keypair) -> Security {
    Security::curve_client(&Keypair::generate(), server.public())
}

fn messages_of_all_lengths_arrive(place: &Place) {
    let context = Context::new();
    let pair = Keypair::generate();
    let pull = Pull::builder(&context).security(server(&pair)).build();
    let at = pull.bind(place.any()).expect("bound");
    let push = Push::builder(&context).security(client(&pair)).build();
    push.connect(&at).expect("a good endpoint");
    let lengths = [
        0,
        1,
        31,
        32,
        33,
        221,
        222,
        223,
        254,
        255,
        256,
        8191,
        8192,
        8193,
        65536,
        1 << 20,
    ];
    for round in 0..20_u8 {
        for len in lengths {
            push.send(vec![round; len]).expect("sent");
            push.send([&b"head"[..], &vec![round; len], b""])
                .expect("sent");
        }
        for len in lengths {
            assert_eq!(pull.recv().expect("received"), vec![round; len]);
            let parts = pull.recv().expect("received");
            assert_eq!(parts.frames().len(), 3);
            assert_eq!(parts.frames()[1], vec![round; len]);
        }
    }
}

fn requests_are_answered(place: &Place) {
    let context = Context::new();
    let pair = Keypair::generate();
    let rep = Rep::builder(&context).security(server(&pair)).build();
    let at = rep.bind(place.any()).expect("bound");
    let mut req = Req::builder(&context).security(client(&pair)).build();
    req.connect(&at).expect("a good endpoint");
    let answering = std::thread::spawn(move || {
        for _ in 0..1000 {
            let request = rep.recv().expect("a request");
            let answer = request.message().clone();
            request.reply(answer).expect("replied");
        }
    });
    for number in 0..1000_u32 {
        let answer = req.request(number.to_string()).expect("answered");
        assert_eq!(answer, number.to_string());
    }
    support::joined(answering);
}
