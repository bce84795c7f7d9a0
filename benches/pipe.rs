//! A pipe without a kernel: what a sender puts in and an I/O thread writes, what an I/O thread delivers and a receiver
//! decodes, on one thread, beside a bounded channel of the same messages and a copy of the same bytes.
//!
//! `pipe` is no part of the public interface. It is compiled here once more with the parts it leans on, from the same
//! sources, for the reason given in `codec.rs`; the list below is the arrow `pipe -> ...` of ARCHITECTURE.md.

use std::hint::black_box;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use highwater_patterns::{ConnectionRead, Message, PipeId};

#[expect(
    dead_code,
    unused_imports,
    unnameable_types,
    unreachable_pub,
    reason = "parts of the library, of which a part is measured"
)]
#[path = "../src"]
mod parts {
    pub(crate) mod endpoint;
    pub(crate) mod error;
    pub(crate) mod origin;
    pub(crate) mod peer;
    pub(crate) mod pipe;
    pub(crate) mod policy;
    pub(crate) mod sync;
    pub(crate) mod zmtp;
}
use parts::{endpoint, error, origin, peer, pipe, policy, sync, zmtp};

use pipe::{
    Delivery, Draft, Duty, HighWater, Incoming, Intake, Outgoing, Pipe, Pumped, Reader, Wire,
    WriteEffects,
};
use policy::WritePolicy;

const SIZES: [usize; 4] = [16, 64, 1024, 16 * 1024];

/// Messages in one go: a high-water mark of the default size, filled and emptied.
const RUN: usize = 1000;

/// One read of a connection.
const CHUNK: usize = 64 * 1024;

const MARKS: HighWater = HighWater {
    messages: Some(RUN),
    bytes: None,
};

/// A connection that takes whatever is written to it, and only counts.
#[derive(Debug, Default)]
struct Drain {
    taken: AtomicUsize,
}

impl Wire for Drain {
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let taken = slices.iter().map(|slice| slice.len()).sum();
        self.taken.fetch_add(taken, Ordering::Relaxed);
        Ok(taken)
    }

    fn read(&self, _buffer: &mut Vec<u8>, _most: usize) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn read_over(&self, _first: &mut [u8], _then: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        unreachable!("nobody waits on memory")
    }

    fn want_output(&self, _wanted: bool) {}

    fn borrow_reader(&self) -> Option<Reader> {
        None
    }

    fn return_reader(&self, _reader: Reader) -> Option<Reader> {
        None
    }

    fn look(&self) -> ConnectionRead {
        ConnectionRead::Nothing
    }

    fn duty(&self, _duty: Duty) {}
}

/// A message of `size` bytes as it stands on the wire.
fn encoded(size: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    zmtp::encode_message(&Message::from(&vec![7; size][..]), &mut wire);
    wire
}

/// The I/O thread's part: writes until there is nothing left.
fn pump(outgoing: &Outgoing) {
    while outgoing.pump().expect("memory does not fail") != Pumped::Drained {}
    assert!(outgoing.end_duty());
}

fn outgoing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("outgoing");
    group.throughput(Throughput::Elements(RUN as u64));
    for size in SIZES {
        let body = vec![7; size];
        let outgoing = Outgoing::new(MARKS, false);
        let wire = Arc::new(Drain::default());
        outgoing.attach(wire.clone());
        let (mut draft, mut policy) = (Draft::default(), WritePolicy::default());
        group.bench_function(BenchmarkId::new("push_and_pump", size), |bencher| {
            bencher.iter(|| {
                for _ in 0..RUN {
                    let message = Message::from(black_box(&body[..]));
                    let effects = draft.push(&message, &outgoing, &mut policy);
                    assert!(!effects.contains(WriteEffects::REFUSED));
                }
                draft.hand_back(&outgoing);
                pump(&outgoing);
            });
        });
        assert!(wire.taken.load(Ordering::Relaxed) > 0);
        references(&mut group, size);
    }
    group.finish();
}

fn incoming(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("incoming");
    for size in [16, 64, 1024] {
        let one = encoded(size);
        let count = CHUNK / one.len();
        let read = one.repeat(count);
        let halves = (Outgoing::new(MARKS, false), Incoming::new(MARKS));
        let pipe = Arc::new(Pipe::new(PipeId(1), None, halves.0, halves.1));
        let mut intake = Intake::new(Arc::clone(&pipe), false);
        let surveyor = zmtp::Decoder::new(None);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("deliver_and_decode", size), |bencher| {
            bencher.iter(|| {
                // What the kernel would do, into the buffer that has come back.
                let mut bytes = pipe.incoming.spare().unwrap_or_default();
                bytes.extend_from_slice(black_box(&read));
                let messages = surveyor.survey(&bytes, usize::MAX, |_| {}).messages;
                pipe.incoming.deliver(Delivery::Chunk {
                    bytes,
                    messages,
                    commands: 0,
                });
                // The general way finds the chunk, the short one what follows in it.
                let mut taken = 0;
                while let Some(first) = intake.next(&mut policy::Budget::default()) {
                    black_box(first);
                    taken += 1;
                    let mut message = Message::EMPTY;
                    while intake.next_single(black_box(&mut message)) {
                        taken += 1;
                    }
                }
                assert_eq!(taken, count);
            });
        });
        group.throughput(Throughput::Elements(RUN as u64));
        references(&mut group, size);
    }
    group.finish();
}

/// [`RUN`] messages of `size` bytes through a bounded channel, and as bytes from one place to another.
fn references(group: &mut BenchmarkGroup<'_, WallTime>, size: usize) {
    let body = vec![7; size];
    let (sender, receiver) = crossbeam_channel::bounded(RUN);
    group.bench_function(BenchmarkId::new("channel", size), |bencher| {
        bencher.iter(|| {
            for _ in 0..RUN {
                let sent = sender.try_send(Message::from(black_box(&body[..])));
                sent.expect("there is room");
            }
            for _ in 0..RUN {
                black_box(receiver.try_recv().expect("it was sent"));
            }
        });
    });
    let wire = encoded(size);
    let in_a_chunk = (CHUNK / wire.len()).max(1);
    let mut copy = Vec::with_capacity(in_a_chunk * wire.len());
    group.bench_function(BenchmarkId::new("memcpy", size), |bencher| {
        bencher.iter(|| {
            for number in 0..RUN {
                if number % in_a_chunk == 0 {
                    copy.clear();
                }
                copy.extend_from_slice(black_box(&wire));
            }
            black_box(copy.len())
        });
    });
}

criterion_group! {
    name = pipes;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(700))
        .sample_size(20);
    targets = outgoing, incoming
}
criterion_main!(pipes);
