//! A network that misbehaves: a proxy for tcp that delays, splits, closes and resets, as a seed says, or swallows
//! everything.

use std::collections::HashMap;
use std::env;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use highwater::{Builder, Endpoint, Linger, Message, Pull, Push};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::event::{PollFd, PollFlags, poll};

use super::{MOMENT, joined, wait_until};

const VARIABLE: &str = "HIGHWATER_TEST_SEED";

/// The longest read, and so the longest piece that is passed on at once.
const LONGEST_READ: usize = 8192;

/// What each stream asks the kernel for, so that what it holds is bounded.
const KERNEL_BUFFER: usize = 64 << 10;

/// Why a connection is given up: what its last bytes are.
const CLOSE: u8 = b'c';
const RESET: u8 = b'r';
/// From here on nothing is passed on, and neither side is told.
const SWALLOW: u8 = b's';

/// The seed of a test: from the environment variable `HIGHWATER_TEST_SEED`, or by chance. It is printed, which the
/// test harness shows of a test that fails.
pub(crate) fn seed() -> u64 {
    let seed = match env::var(VARIABLE) {
        Ok(text) => text.parse().expect("a seed is a number of 64 bits"),
        Err(_) => rand::random(),
    };
    println!("to have this again: {VARIABLE}={seed}");
    seed
}

/// What a [`ChaosProxy`] may do to what passes through it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chaos {
    /// The longest of the pauses that are made now and then; zero for none.
    pub(crate) delay: Duration,
    /// Whether some connections pass their bytes on in pieces, some of them byte by byte.
    pub(crate) split: bool,
    /// Most connections are closed or reset after some number of bytes below this; never if `None`.
    pub(crate) lives: Option<usize>,
}

impl Chaos {
    /// Does nothing of its own accord.
    pub(crate) const NONE: Self = Self {
        delay: Duration::ZERO,
        split: false,
        lives: None,
    };

    /// Slow and in pieces, but nothing is lost.
    pub(crate) const GENTLE: Self = Self {
        delay: Duration::from_millis(2),
        split: true,
        lives: None,
    };

    /// All that the proxy can do.
    pub(crate) const WILD: Self = Self {
        delay: Duration::from_millis(5),
        split: true,
        lives: Some(1 << 17),
    };
}

/// Passes connections on to where a socket listens. Ends, with all of them, when dropped.
#[derive(Debug)]
pub(crate) struct ChaosProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    chaos: Chaos,
    calm: AtomicBool,
    ended: AtomicBool,
    /// Set and read under the lock on `orders`.
    swallows: AtomicBool,
    /// Connections that pass bytes on, or are about to.
    passing: AtomicUsize,
    broken: AtomicUsize,
    /// Where to tell each connection that it is to end.
    orders: Mutex<HashMap<u64, UnixStream>>,
}

impl ChaosProxy {
    /// A proxy before `target`, at which nobody needs to listen yet.
    pub(crate) fn new(target: &Endpoint, chaos: Chaos, seed: u64) -> Self {
        let ip = target.ip().expect("an address");
        let port = target.port().expect("a port");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let shared = Arc::new(Shared {
            target: SocketAddr::new(ip, port),
            chaos,
            calm: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            swallows: AtomicBool::new(false),
            passing: AtomicUsize::new(0),
            broken: AtomicUsize::new(0),
            orders: Mutex::default(),
        });
        Self {
            address: listener.local_addr().expect("it is bound"),
            shared: Arc::clone(&shared),
            acceptor: Some(std::thread::spawn(move || {
                shared.accept(&listener, &mut StdRng::seed_from_u64(seed));
            })),
        }
    }

    /// Where to connect instead of to the target.
    pub(crate) fn endpoint(&self) -> String {
        format!("tcp://{}", self.address)
    }

    /// Resets every connection of this moment.
    pub(crate) fn reset_all(&self) {
        self.order_all(RESET);
    }

    /// Closes every connection of this moment, dropping what is on its way.
    pub(crate) fn close_all(&self) {
        self.order_all(CLOSE);
    }

    /// Becomes a black hole. Connections of this moment are never heard of again, at either end; who connects is
    /// accepted, and never hears anything. On return no further byte is passed on.
    pub(crate) fn swallow_all(&self) {
        {
            let orders = self.shared.orders();
            self.shared.swallows.store(true, Ordering::SeqCst);
            for mut orders in orders.values() {
                // Who does not listen has ended already.
                let _ = orders.write(&[SWALLOW]);
            }
        }
        wait_until("the proxy passes nothing on", || {
            self.shared.passing.load(Ordering::SeqCst) == 0
        });
    }

    /// Is a black hole no longer. Connections that fell into it stay there.
    pub(crate) fn recover(&self) {
        self.shared.swallows.store(false, Ordering::SeqCst);
    }

    /// From now on nothing is delayed, split, closed or reset any more.
    pub(crate) fn calm(&self) {
        self.shared.calm.store(true, Ordering::SeqCst);
    }

    /// How many connections did not end in good order: cut by the proxy, or failed on one side and so reset on both.
    pub(crate) fn broken(&self) -> usize {
        self.shared.broken.load(Ordering::SeqCst)
    }

    fn order_all(&self, fate: u8) {
        for mut orders in self.shared.orders().values() {
            // Who does not listen has ended already.
            let _ = orders.write(&[fate]);
        }
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address); // so that `accept` returns
        if let Some(acceptor) = self.acceptor.take()
            && !std::thread::panicking()
        {
            joined(acceptor);
        }
    }
}

impl Shared {
    fn orders(&self) -> std::sync::MutexGuard<'_, HashMap<u64, UnixStream>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener, random: &mut StdRng) {
        let mut threads: Vec<JoinHandle<()>> = Vec::new();
        for number in 0.. {
            let client = listener.accept();
            if self.ended.load(Ordering::SeqCst) {
                break;
            }
            let Ok((client, _)) = client else { continue };
            let (order, orders) = UnixStream::pair().expect("two files can be opened");
            let passes = {
                let mut all = self.orders();
                all.insert(number, order);
                let passes = !self.swallows.load(Ordering::SeqCst);
                self.passing
                    .fetch_add(usize::from(passes), Ordering::SeqCst);
                passes
            };
            let (shared, seed) = (Arc::clone(self), random.random());
            threads.push(std::thread::spawn(move || {
                if passes {
                    // To a target that is not there, a connection is refused as well as it can be.
                    if let Ok(target) = TcpStream::connect(shared.target) {
                        shared.pass(client, target, orders, StdRng::seed_from_u64(seed));
                    } else {
                        shared.passing.fetch_sub(1, Ordering::SeqCst);
                    }
                } else {
                    end_of_silence(&orders);
                }
                shared.orders().remove(&number);
            }));
            // Those that have ended need not be waited for.
            threads.retain(|thread| !thread.is_finished());
        }
        for mut orders in self.orders().values() {
            let _ = orders.write(&[CLOSE]);
        }
        threads.into_iter().for_each(joined);
    }

    /// Passes bytes on, both ways, until the connection ends.
    fn pass(&self, client: TcpStream, target: TcpStream, orders: UnixStream, random: StdRng) {
        for stream in [&client, &target] {
            stream.set_nonblocking(true).expect("a live descriptor");
            stream.set_nodelay(true).expect("a live descriptor");
            let buffers = socket2::SockRef::from(stream);
            let sized = buffers
                .set_send_buffer_size(KERNEL_BUFFER)
                .and_then(|()| buffers.set_recv_buffer_size(KERNEL_BUFFER));
            sized.expect("a live descriptor");
        }
        let mut connection = Connection::new(client, target, self.chaos, random);
        let mut fate = connection.run(&orders, self);
        self.passing.fetch_sub(1, Ordering::SeqCst);
        if fate == Some(SWALLOW) {
            fate = Some(end_of_silence(&orders));
        }
        if let Some(fate) = fate {
            self.broken.fetch_add(1, Ordering::SeqCst);
            if fate == RESET {
                for stream in &connection.streams {
                    // A connection that is closed without lingering is reset.
                    let lingers = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
                    lingers.expect("a live descriptor");
                }
            }
        }
    }
}

/// Two streams, and what is on its way from each to the other.
#[derive(Debug)]
struct Connection {
    streams: [TcpStream; 2],
    /// Read from the stream of this index, and not yet written to the other.
    transit: [Vec<u8>; 2],
    finished: [bool; 2],
    chaos: Chaos,
    random: StdRng,
    longest_piece: usize,
    /// Bytes until the end, and which end.
    fate: Option<(usize, u8)>,
}

impl Connection {
    fn new(client: TcpStream, target: TcpStream, chaos: Chaos, mut random: StdRng) -> Self {
        let longest_piece = match random.random_range(0..4) {
            0 if chaos.split => 1,
            1 if chaos.split => 40,
            _ => LONGEST_READ,
        };
        let fate = chaos.lives.and_then(|limit| {
            let fate = if random.random() { CLOSE } else { RESET };
            // Many end in the handshake or soon after it, some late, some never.
            match random.random_range(0..8) {
                0 => None,
                1 | 2 => Some((random.random_range(0..256), fate)),
                3 | 4 => Some((random.random_range(0..limit / 16), fate)),
                _ => Some((random.random_range(0..limit), fate)),
            }
        });
        Self {
            streams: [client, target],
            transit: Default::default(),
            finished: [false; 2],
            chaos,
            random,
            longest_piece,
            fate,
        }
    }

    /// Until both sides have finished, one of them has failed, or it is to end: then says how.
    fn run(&mut self, orders: &UnixStream, shared: &Shared) -> Option<u8> {
        while !self.finished.iter().all(|finished| *finished) {
            if let Some(fate) = self.wait(orders)
                // An order that comes too late to be obeyed: what is sent when all is calm arrives.
                && (!shared.calm.load(Ordering::SeqCst) || shared.ended.load(Ordering::SeqCst))
            {
                return Some(fate);
            }
            for from in 0..2 {
                match self.step(from, &shared.calm) {
                    Ok(None) => {}
                    Ok(Some(fate)) => return Some(fate),
                    // What one side has done is done to the other.
                    Err(_) => return Some(RESET),
                }
            }
        }
        None
    }

    /// Waits until a step is possible; the end that was ordered, if one was.
    fn wait(&self, orders: &UnixStream) -> Option<u8> {
        let wanted = |index: usize| {
            let mut flags = PollFlags::empty();
            flags.set(
                PollFlags::IN,
                self.transit[index].is_empty() && !self.finished[index],
            );
            flags.set(PollFlags::OUT, !self.transit[1 - index].is_empty());
            flags
        };
        let mut entries = vec![PollFd::new(orders, PollFlags::IN)];
        for (index, stream) in self.streams.iter().enumerate() {
            // A stream of which nothing is wanted would still report its failure, again and again.
            if !wanted(index).is_empty() {
                entries.push(PollFd::new(stream, wanted(index)));
            }
        }
        poll(&mut entries, None).expect("live descriptors");
        let ordered = !entries[0].revents().is_empty();
        let mut order = [CLOSE];
        if ordered {
            let _ = (&mut &*orders).read(&mut order);
        }
        ordered.then_some(order[0])
    }

    /// Passes on one piece of what came from the stream `from`, or reads more.
    fn step(&mut self, from: usize, calm: &AtomicBool) -> io::Result<Option<u8>> {
        if self.transit[from].is_empty() {
            self.read(from)?;
            return Ok(None);
        }
        let calm = calm.load(Ordering::SeqCst);
        if !calm && !self.chaos.delay.is_zero() && self.random.random_ratio(1, 200) {
            let longest = self.chaos.delay.as_micros() as u64;
            let pause = Duration::from_micros(self.random.random_range(0..=longest));
            std::thread::sleep(pause); // this is the delay itself
        }
        let mut piece = self.transit[from].len();
        if !calm {
            piece = piece.min(self.random.random_range(1..=self.longest_piece));
            if let Some((left, fate)) = self.fate {
                if left == 0 {
                    return Ok(Some(fate));
                }
                piece = piece.min(left);
            }
        }
        match self.streams[1 - from].write(&self.transit[from][..piece]) {
            Ok(written) => {
                self.transit[from].drain(..written);
                if let Some((left, _)) = &mut self.fate {
                    *left = left.saturating_sub(written);
                }
                Ok(None)
            }
            Err(error) => unless_not_ready(error).map(|()| None),
        }
    }

    fn read(&mut self, from: usize) -> io::Result<()> {
        if self.finished[from] {
            return Ok(());
        }
        let mut buffer = [0; LONGEST_READ];
        match self.streams[from].read(&mut buffer) {
            Ok(0) => {
                self.finished[from] = true;
                self.streams[1 - from].shutdown(Shutdown::Write)
            }
            Ok(read) => {
                self.transit[from].extend(&buffer[..read]);
                Ok(())
            }
            Err(error) => unless_not_ready(error),
        }
    }
}

/// Does nothing until a connection that is swallowed is to end, and how.
fn end_of_silence(mut orders: &UnixStream) -> u8 {
    let mut order = [SWALLOW];
    while order == [SWALLOW] {
        if !matches!(orders.read(&mut order), Ok(1)) {
            return CLOSE;
        }
    }
    order[0]
}

fn unless_not_ready(error: io::Error) -> io::Result<()> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    }
}

/// Sends to `pull`, bound at `at`, from the socket of `push`, over connections that are cut: forty times, and until a message
/// arrives that was sent after the last cut. Each message that arrives does so once, those of one connection in order, and
/// each is counted. `numbered` makes the message of a number, and `number_of` says which it is, if it has come whole.
pub(crate) fn arrives_over_a_path_that_is_cut(
    pull: &Pull,
    at: &Endpoint,
    push: Builder<Push>,
    numbered: impl Fn(usize) -> Message,
    number_of: impl Fn(&Message) -> usize,
) {
    let chaos = Chaos {
        lives: Some(1 << 14),
        ..Chaos::WILD
    };
    let proxy = ChaosProxy::new(at, chaos, seed());
    let push = push
        .reconnect_interval(Duration::from_millis(1))
        .reconnect_interval_max(Duration::from_millis(4))
        .linger(Linger::Discard)
        .build();
    push.connect(proxy.endpoint()).expect("connects");

    let (mut sent, mut received) = (0, Vec::new());
    let receive = |received: &mut Vec<usize>| {
        while let Ok(message) = pull.try_recv() {
            received.push(number_of(&message));
        }
    };
    while proxy.broken() < 40 {
        if push.send_timeout(numbered(sent), MOMENT).is_ok() {
            sent += 1;
        }
        if sent % 500 == 499 {
            // Some connections would live for ever.
            proxy.reset_all();
        }
        receive(&mut received);
    }
    proxy.calm();
    let first_of_the_rest = sent;
    wait_until("what is sent after the last cut arrives", || {
        push.send(numbered(sent)).expect("sent");
        sent += 1;
        receive(&mut received);
        received
            .last()
            .is_some_and(|last| *last >= first_of_the_rest)
    });
    let handshakes = push.stats().handshakes as usize;
    assert!(handshakes > 1, "several connections");
    let count = received.len() as u64;
    let mut order: Vec<_> = received.into_iter().zip(0..).collect();
    order.sort_unstable();
    let is_before = |pair: &[(usize, usize)]| pair[0].0 < pair[1].0;
    assert!(order.windows(2).all(is_before), "each once");
    // Two connections may be read in turn, but what the earlier one carried was sent earlier.
    let steps_back = order.windows(2).filter(|pair| pair[1].1 < pair[0].1);
    let steps_back = steps_back.count();
    assert!(steps_back < handshakes, "{steps_back} of {handshakes}");
    assert_eq!(push.stats().messages_sent, sent as u64);
    assert_eq!(push.stats().dropped.unsent, 0, "kept for the next one");
    assert_eq!(pull.stats().messages_received, count);
}
