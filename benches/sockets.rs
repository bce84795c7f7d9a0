//! Whole sockets in one process, beside the floor: bare TCP and a bounded channel. The comparison with other
//! libraries, in two processes, is `benches/versus`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use highwater::{Context, Message, Pull, Push, Rep, Req};

const SIZES: [usize; 4] = [16, 256, 4096, 65_536];

/// The bound of the channel, and the default high-water mark of a socket.
const QUEUE: usize = 1000;

/// Receives `count` messages that `send` makes on another thread; the time from the first to the last.
fn stream<S: Send + 'static>(
    count: u64,
    sender: S,
    send: fn(&S, u64),
    mut receive: impl FnMut(),
) -> Duration {
    let sending: JoinHandle<S> = thread::spawn(move || {
        send(&sender, count + 1);
        sender
    });
    receive();
    let begun = Instant::now();
    (0..count).for_each(|_| receive());
    let took = begun.elapsed();
    drop(sending.join().expect("the sender does not panic"));
    took
}

fn push_pull(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("push_pull");
    for size in SIZES {
        group.throughput(Throughput::Elements(1));
        for at in ["tcp://127.0.0.1:0", "inproc://bench"] {
            let name = at.split(':').next().unwrap_or_default();
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter_custom(|count| {
                    let context = Context::new();
                    let pull = Pull::new(&context);
                    let at = pull.bind(at).expect("a free address");
                    let push = Push::new(&context);
                    push.connect(&at).expect("a good endpoint");
                    let send = |(push, body): &(Push, Vec<u8>), count| {
                        (0..count).for_each(|_| push.send(body).expect("sent"));
                    };
                    stream(count, (push, vec![7; size]), send, || {
                        pull.recv().expect("received");
                    })
                });
            });
        }
        group.bench_function(BenchmarkId::new("channel", size), |bencher| {
            bencher.iter_custom(|count| {
                let (sender, receiver) = crossbeam_channel::bounded::<Message>(QUEUE);
                let send = |(sender, body): &(crossbeam_channel::Sender<Message>, Vec<u8>),
                            count| {
                    (0..count).for_each(|_| sender.send(Message::from(body)).expect("sent"));
                };
                stream(count, (sender, vec![7; size]), send, || {
                    receiver.recv().expect("received");
                })
            });
        });
    }
    group.finish();
}

fn round_trip(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("round_trip");
    group.throughput(Throughput::Elements(1));
    for at in ["tcp://127.0.0.1:0", "inproc://bench"] {
        let context = Context::new();
        let rep = Rep::new(&context);
        let at = rep.bind(at).expect("a free address");
        let mut req = Req::new(&context);
        req.connect(&at).expect("a good endpoint");
        let answering = thread::spawn(move || {
            while let Ok(request) = rep.recv() {
                request.reply("pong").expect("the peer waits");
            }
        });
        let name = at.transport().to_string();
        group.bench_function(BenchmarkId::new(name, 16), |bencher| {
            bencher.iter(|| req.request(&[7; 16]).expect("answered"));
        });
        context.shutdown();
        answering.join().expect("the replier does not panic");
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut asking = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
    let (mut answering, _) = listener.accept().expect("accepted");
    let echo = thread::spawn(move || {
        answering.set_nodelay(true).expect("a socket option");
        let mut frame = [0; 18];
        while answering.read_exact(&mut frame).is_ok() && answering.write_all(&frame).is_ok() {}
    });
    asking.set_nodelay(true).expect("a socket option");
    group.bench_function(BenchmarkId::new("bare_tcp", 16), |bencher| {
        let mut frame = [7; 18];
        bencher.iter(|| {
            asking.write_all(&frame).expect("sent");
            asking.read_exact(&mut frame).expect("received");
        });
    });
    drop(asking);
    echo.join().expect("the echo does not panic");
    group.finish();
}

criterion_group! {
    name = sockets;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(20);
    targets = push_pull, round_trip
}
criterion_main!(sockets);
