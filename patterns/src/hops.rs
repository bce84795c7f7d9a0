//! Requests and replies through chains of brokers: a ROUTER and a DEALER each, passing on whatever arrives.

use proptest::prelude::*;

use crate::testing::Bench;
use crate::{Message, Pattern, PatternOptions, PipeId, Received, SocketType};

fn socket(kind: SocketType, seed: u32) -> Bench {
    let options = PatternOptions {
        seed,
        correlated: seed % 2 == 1,
        ..PatternOptions::default()
    };
    Bench::new(Pattern::new(kind, &options))
}

/// Passes everything that `from` wrote to its `out` on to the `entry` of `to`.
fn carry(from: &mut Bench, out: PipeId, to: &mut Bench, entry: PipeId) {
    let messages = from.pipes.take(out).into_iter().map(Received::Message);
    to.arrive_all(entry, messages);
}

fn pass_on(from: &mut Bench, to: &mut Bench) {
    while let Some(message) = from.recv() {
        to.send(message).expect("there is room");
    }
}

proptest! {
    #[test]
    fn every_reply_finds_its_way_back_however_many_brokers_there_are(
        bodies in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 1..4),
            1..5,
        ),
        brokers in 0_usize..4,
        seed in 0_u32..4,
        backwards in any::<bool>(),
    ) {
        let one = PipeId(1);
        let mut clients: Vec<Bench> = bodies.iter().map(|_| socket(SocketType::Req, seed)).collect();
        let mut chain: Vec<(Bench, Bench)> = (0..brokers)
            .map(|_| (socket(SocketType::Router, seed), socket(SocketType::Dealer, 0)))
            .collect();
        let mut service = socket(SocketType::Rep, 0);
        for (_, dealer) in &mut chain {
            dealer.accept(1);
        }
        for (router, _) in chain.iter_mut().skip(1) {
            router.accept(1);
        }
        for number in 0..bodies.len() as u32 {
            match chain.first_mut() {
                Some((router, _)) => router.accept(number),
                None => service.accept(number),
            };
        }
        if brokers > 0 {
            service.accept(1000);
        }

        for (number, (client, body)) in clients.iter_mut().zip(&bodies).enumerate() {
            client.accept(1);
            client.send(body.iter().collect::<Message>()).expect("there is room");
            let first = chain.first_mut().map_or(&mut service, |(router, _)| router);
            carry(client, one, first, PipeId(number as u64));
        }
        for position in 0..brokers {
            let (near, far) = chain.split_at_mut(position + 1);
            let (router, dealer) = &mut near[position];
            pass_on(router, dealer);
            match far.first_mut() {
                Some((next, _)) => carry(dealer, one, next, one),
                None => carry(dealer, one, &mut service, PipeId(1000)),
            }
        }

        let Bench { pattern, pipes } = &mut service;
        let Pattern::Rep(rep) = pattern else { panic!("not a REP") };
        let mut requests: Vec<_> = std::iter::from_fn(|| rep.recv_request(pipes)).collect();
        prop_assert_eq!(requests.len(), bodies.len());
        if backwards {
            requests.reverse();
        }
        for (path, request) in requests {
            let numbered = usize::from(seed % 2 == 1);
            prop_assert_eq!(path.addresses().len(), brokers + numbered);
            rep.reply(&path, request.with_first("re:"), pipes).expect("there is room");
        }

        for position in (0..brokers).rev() {
            let (near, far) = chain.split_at_mut(position + 1);
            let (router, dealer) = &mut near[position];
            match far.first_mut() {
                Some((next, _)) => carry(next, one, dealer, one),
                None => carry(&mut service, PipeId(1000), dealer, one),
            }
            pass_on(dealer, router);
        }
        for (number, (client, body)) in clients.iter_mut().zip(&bodies).enumerate() {
            let first = chain.first_mut().map_or(&mut service, |(router, _)| router);
            carry(first, PipeId(number as u64), client, one);
            let expected = body.iter().collect::<Message>().with_first("re:");
            prop_assert_eq!(client.recv(), Some(expected));
        }
    }
}
