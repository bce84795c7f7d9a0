//! The four strategies over 1 to 1000 pipes that cost nothing, beside the same calls without anything to choose.
//!
//! The strategies are no part of the public interface, and socket types add rules of their own. They are pure, so they
//! are compiled here once more, from the same sources; what they say `crate::` to, this file provides.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use highwater_patterns::{
    Admission, Afterlife, ConnectionRead, DropCause, Message, Outbound, Pattern, Peer, PipeId,
    Pipes, Recall, Recalled, Received, Refusal, Refused, RoutingId, Sent, SlowSubscriber,
};

#[expect(
    dead_code,
    unused_imports,
    reason = "a part of the library, of which a part is measured"
)]
#[path = "../src"]
mod parts {
    pub(crate) mod strategy;
    // Cargo compiles benchmarks, too, with `cfg(test)`, so the unit tests come along.
    pub(crate) mod testing;
}
use parts::{strategy, testing};

mod pipe_map {
    pub(crate) use highwater_patterns::PipeMap;
}

use strategy::{FairQueue, FanOut, LoadBalance, RoutingTable};

const COUNTS: [u32; 4] = [1, 8, 64, 1000];

/// Calls in one go.
const RUN: u32 = 1000;

/// Pipes that take everything, or one message each; and hold any number, or one each.
#[derive(Debug, Default)]
struct FreePipes {
    written: u64,
    /// At the mark after each message.
    narrow: bool,
    was_written: Vec<bool>,
    /// Messages there to be read, from each pipe; `None` for any number.
    held: Option<Vec<u32>>,
    message: Message,
}

impl FreePipes {
    fn narrow(count: u32) -> Self {
        Self {
            narrow: true,
            was_written: vec![false; count as usize],
            ..Self::default()
        }
    }

    fn empty(count: u32) -> Self {
        Self {
            held: Some(vec![0; count as usize]),
            ..Self::default()
        }
    }
}

impl Pipes for FreePipes {
    #[inline]
    fn try_write(&mut self, pipe: PipeId, message: &mut impl Outbound) -> bool {
        if self.narrow && std::mem::replace(&mut self.was_written[pipe.0 as usize], true) {
            return false;
        }
        black_box((pipe, message));
        self.written += 1;
        true
    }

    #[inline]
    fn try_write_all(
        &mut self,
        pipes: &[PipeId],
        message: &impl Outbound,
        _full: &mut dyn FnMut(PipeId),
    ) {
        for &pipe in pipes {
            black_box((pipe, message));
            self.written += 1;
        }
    }

    fn write_always(&mut self, _pipe: PipeId, _message: Message) {
        self.written += 1;
    }

    fn has_room(&mut self, _pipe: PipeId) -> bool {
        true
    }

    #[inline]
    fn try_read(&mut self, pipe: PipeId) -> Option<Received> {
        let mut message = Message::EMPTY;
        self.try_read_into(pipe, &mut message)
            .then_some(Received::Message(message))
    }

    #[inline]
    fn try_read_into(&mut self, pipe: PipeId, into: &mut Message) -> bool {
        if let Some(held) = &mut self.held {
            let held = &mut held[pipe.0 as usize];
            let Some(left) = held.checked_sub(1) else {
                return false;
            };
            *held = left;
        }
        into.clone_from(black_box(&self.message));
        true
    }

    fn subscribe(&mut self, _pipe: PipeId, _topic: &[u8]) {}

    fn cancel(&mut self, _pipe: PipeId, _topic: &[u8]) {}

    fn close(&mut self, _pipe: PipeId) {}

    fn recall(&mut self, _pipe: PipeId, _recall: Recall) -> Recalled {
        Recalled::Out
    }

    fn drop_waiting(&mut self, _pipe: PipeId) {}

    fn move_waiting(&mut self, _from: PipeId, _to: PipeId) {}

    fn unread(&mut self, _pipe: PipeId) -> usize {
        0
    }

    fn dropped(&mut self, _pipe: Option<PipeId>, _cause: DropCause) {}
}

fn load_balance(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load_balance");
    group.throughput(Throughput::Elements(RUN.into()));
    for count in COUNTS {
        let attached = || {
            let mut strategy = LoadBalance::default();
            (0..count).for_each(|pipe| strategy.attach(PipeId(pipe.into())));
            strategy
        };
        let mut message = Message::from(&[7; 16]);
        let (mut strategy, mut pipes) = (attached(), FreePipes::default());
        group.bench_function(BenchmarkId::new("all_with_room", count), |bencher| {
            bencher.iter(|| {
                for _ in 0..RUN {
                    assert!(strategy.send(&mut message, &mut pipes).is_some());
                }
            });
        });
        // All are full; one reads, and so gets the next message.
        let (mut strategy, mut pipes) = (attached(), FreePipes::narrow(count));
        while strategy.send(&mut message, &mut pipes).is_some() {}
        let mut next = (0..count).cycle();
        group.bench_function(BenchmarkId::new("one_has_room", count), |bencher| {
            bencher.iter(|| {
                for pipe in next.by_ref().take(RUN as usize) {
                    pipes.was_written[pipe as usize] = false;
                    strategy.writable(PipeId(pipe.into()));
                    assert_eq!(
                        strategy.send(&mut message, &mut pipes),
                        Some(PipeId(pipe.into()))
                    );
                }
            });
        });
        let mut pipes = FreePipes::default();
        let mut next = (0..count).cycle();
        group.bench_function(BenchmarkId::new("no_choice", count), |bencher| {
            bencher.iter(|| {
                for pipe in next.by_ref().take(RUN as usize) {
                    assert!(pipes.try_write(PipeId(pipe.into()), &mut message));
                }
            });
        });
    }
    group.finish();
}

fn fair_queue(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fair_queue");
    group.throughput(Throughput::Elements(RUN.into()));
    for count in COUNTS {
        let attached = || {
            let mut strategy = FairQueue::default();
            (0..count).for_each(|pipe| strategy.attach(PipeId(pipe.into())));
            strategy
        };
        let mut message = Message::EMPTY;
        let (mut strategy, mut pipes) = (attached(), FreePipes::default());
        group.bench_function(BenchmarkId::new("all_speak", count), |bencher| {
            bencher.iter(|| {
                for _ in 0..RUN {
                    assert!(strategy.recv_into(&mut pipes, black_box(&mut message)));
                }
            });
        });
        // All are empty but the one that has just spoken.
        let (mut strategy, mut pipes) = (attached(), FreePipes::empty(count));
        assert!(!strategy.recv_into(&mut pipes, &mut message));
        let mut next = (0..count).cycle();
        group.bench_function(BenchmarkId::new("one_speaks", count), |bencher| {
            bencher.iter(|| {
                for pipe in next.by_ref().take(RUN as usize) {
                    if let Some(held) = &mut pipes.held {
                        held[pipe as usize] += 1;
                    }
                    strategy.readable(PipeId(pipe.into()));
                    assert!(strategy.recv_into(&mut pipes, black_box(&mut message)));
                }
            });
        });
        let mut pipes = FreePipes::default();
        let mut next = (0..count).cycle();
        group.bench_function(BenchmarkId::new("no_choice", count), |bencher| {
            bencher.iter(|| {
                for pipe in next.by_ref().take(RUN as usize) {
                    assert!(pipes.try_read_into(PipeId(pipe.into()), black_box(&mut message)));
                }
            });
        });
    }
    group.finish();
}

fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan_out");
    for count in COUNTS {
        // A delivery is what counts here.
        group.throughput(Throughput::Elements(count.into()));
        let mut strategy = FanOut::new(DropCause::SlowSubscriber);
        let ids: Vec<PipeId> = (0..count.into()).map(PipeId).collect();
        ids.iter().for_each(|&pipe| strategy.attach(pipe));
        let subscribers: Vec<_> = ids
            .iter()
            .map(|&pipe| strategy.subscriber(pipe).expect("attached"))
            .collect();
        let message = Message::from(&[7; 16]);
        let mut pipes = FreePipes::default();
        let slow = SlowSubscriber::DropNewest;
        let everybody = Sent {
            sent: count as usize,
            dropped: 0,
        };
        group.bench_function(BenchmarkId::new("to_all", count), |bencher| {
            bencher.iter(|| {
                let sent = strategy.send_to_all(&message, slow, &mut pipes);
                assert_eq!(sent, Ok(everybody));
            });
        });
        group.bench_function(BenchmarkId::new("to_chosen", count), |bencher| {
            bencher.iter(|| {
                strategy.begin();
                subscribers
                    .iter()
                    .for_each(|&subscriber| strategy.choose(subscriber));
                let sent = strategy.send_to_chosen(&message, slow, &mut pipes);
                assert_eq!(sent, Ok(everybody));
            });
        });
        group.bench_function(BenchmarkId::new("no_choice", count), |bencher| {
            bencher.iter(|| pipes.try_write_all(black_box(&ids), &message.clone(), &mut |_| {}));
        });
    }
    group.finish();
}

fn routing_table(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("routing_table");
    group.throughput(Throughput::Elements(RUN.into()));
    for count in COUNTS {
        let mut table = RoutingTable::new(1);
        let mut list = Vec::new();
        for pipe in (0..count.into()).map(PipeId) {
            let id = table.generate();
            table.insert(pipe, id.clone());
            list.push((id, pipe));
        }
        // A stride beyond all pipes, so that the next is not the neighbour of the last.
        let asked: Vec<&RoutingId> = (0..RUN)
            .map(|number| &list[(number * 7919 % count) as usize].0)
            .collect();
        group.bench_function(BenchmarkId::new("route", count), |bencher| {
            bencher.iter(|| {
                for id in &asked {
                    assert!(black_box(table.route(id.as_bytes())).is_some());
                }
            });
        });
        group.bench_function(BenchmarkId::new("id_of", count), |bencher| {
            bencher.iter(|| {
                for number in 0..RUN {
                    let pipe = PipeId((number * 7919 % count).into());
                    assert!(black_box(table.id_of(pipe)).is_some());
                }
            });
        });
        group.bench_function(BenchmarkId::new("naive_scan", count), |bencher| {
            bencher.iter(|| {
                for id in &asked {
                    let found = list.iter().find(|(known, _)| known == *id);
                    assert!(black_box(found).is_some());
                }
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = strategies;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .sample_size(10);
    targets = load_balance, fair_queue, fan_out, routing_table
}
criterion_main!(strategies);
