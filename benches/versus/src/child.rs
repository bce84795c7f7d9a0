//! One side of a measurement, in a process of its own: drives a peer through its part and reports on standard output.
//!
//! Owns: what each side does in each scenario, the warm-up, and the clock.
//! Always true: the side that receives what is counted is the side that measures; the other goes on until it is killed.
//! Must not know: rounds, ratios, other peers.

#[cfg(target_os = "linux")]
mod bare;
mod count;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
pub(crate) mod ledger;
mod many_pubs;
mod near;
mod say;
mod show;
#[cfg(target_os = "linux")]
mod unequal;

use std::future::poll_fn;
use std::io::Read;
use std::pin::pin;
use std::str::FromStr;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use self::bare::Crowd;
use self::count::{count_all, count_each, echo_each, pipeline, stream, time_round_trips};
#[cfg(not(target_os = "linux"))]
use self::elsewhere::{bare, unequal};
pub(crate) use self::say::{Report, complain, say};
use self::show::{GO, Show, publish, take_in_turn};
use crate::peers::{Entry, Failure, Outcome, Peer, Role, Socket};
use crate::plan::{
    AMONG_IDLE_SIZE, Cell, Near, Receiver, STORM_MESSAGES, STORM_SIZE, STREAMS, Scenario,
    TOPIC_SUBSCRIBERS, Transport,
};

/// What one child is asked to do.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) cell: Cell,
    pub(crate) side: Side,
    /// Where to bind, or whereto to connect.
    pub(crate) at: String,
    pub(crate) warm_up: Duration,
    pub(crate) span: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Bind,
    Connect,
    /// Both in one process: inproc.
    Both,
}

impl Side {
    /// As it stands on the child's command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Connect => "connect",
            Self::Both => "both",
        }
    }
}

impl FromStr for Side {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::Bind, Self::Connect, Self::Both]
            .into_iter()
            .find(|side| side.name() == name)
            .ok_or_else(|| format!("{name} is no side"))
    }
}

/// The body of `versus child`; returns only to say that it failed.
pub(crate) fn main(peer: &Entry, job: &Job) -> Outcome<()> {
    listen_to_the_parent();
    allow_many_files();
    peer.run(job)
}

/// Does `peer`'s part of `job`, and keeps its sockets until the process is killed: so the CPU clocks can still be read, and
/// the other side is not told of a connection lost. Returns only to say that it failed.
pub(crate) fn drive<P: Peer>(peer: P, job: &Job) -> Outcome<()> {
    match job.side {
        Side::Bind => peer.block_on(bound(&peer, job, say)),
        Side::Connect => peer.block_on(connected(&peer, job, &job.at)),
        Side::Both if peer.one_thread() => peer.block_on(both(&peer, job)),
        Side::Both => {
            let (ready, endpoint) = crossbeam_channel::bounded(1);
            let (binder, its_job) = (peer.clone(), job.clone());
            let binding = std::thread::spawn(move || {
                binder.block_on(bound(&binder, &its_job, |report| match report {
                    Report::Ready(at) => drop(ready.send(at)),
                    other => say(other),
                }))
            });
            if let Ok(at) = endpoint.recv() {
                peer.block_on(connected(&peer, job, &at))
            } else {
                binding
                    .join()
                    .unwrap_or_else(|_| Err(Failure::broken("a panic".to_owned())))
            }
        }
    }
}

async fn both<P: Peer>(peer: &P, job: &Job) -> Outcome<()> {
    let endpoint = std::cell::OnceCell::new();
    let mut binder = pin!(bound(peer, job, |report| match report {
        Report::Ready(at) => drop(endpoint.set(at)),
        other => say(other),
    }));
    // The binder runs until it has bound; from then on both run.
    poll_fn(|cx| match binder.as_mut().poll(cx) {
        _ if endpoint.get().is_some() => Poll::Ready(Ok(())),
        Poll::Ready(outcome) => Poll::Ready(outcome),
        Poll::Pending => Poll::Pending,
    })
    .await?;
    let mut connecter = pin!(connected(
        peer,
        job,
        endpoint.get().map_or("", String::as_str)
    ));
    poll_fn(|cx| match binder.as_mut().poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(outcome),
        Poll::Pending => connecter.as_mut().poll(cx),
    })
    .await
}

/// The side that binds: PULL, REP, ROUTER, PUB.
async fn bound<P: Peer>(peer: &P, job: &Job, tell: impl Fn(Report)) -> Outcome<()> {
    if let Scenario::ManyPubs { publishers } = job.cell.scenario {
        return many_pubs::publish(peer, job, publishers, tell).await;
    }
    let (role, expected) = match job.cell.scenario {
        Scenario::PushPull { .. } => (Role::Pull, 1),
        Scenario::ReqRep { .. } => (Role::Rep, 1),
        Scenario::RouterDealer { clients, .. } => (Role::Router, clients),
        Scenario::PubSub { subscribers, .. } => (Role::Pub, subscribers),
        Scenario::Topics { .. } => (Role::Pub, TOPIC_SUBSCRIBERS),
        Scenario::ConnectStorm { connections } | Scenario::Idle { connections } => {
            (Role::Pull, connections)
        }
        Scenario::AmongIdle { connections } => (Role::Pull, connections + 1),
        Scenario::IoThreads { .. } => (Role::Pull, STREAMS),
        Scenario::Unequal {
            receiver, peers, ..
        } => (receiver.role(), peers),
        Scenario::ManyPubs { .. } => unreachable!("it binds many sockets"),
    };
    let (mut socket, endpoint) = peer.bind(role, &job.at, expected).await?;
    if let Some(show) = Show::of(job.cell.scenario) {
        let (credits, and) = peer.bind(Role::Pull, &beside(&job.at), 1).await?;
        tell(Report::Ready(format!("{endpoint} {and}")));
        return publish(peer, socket, credits, &show).await;
    }
    if let Scenario::Unequal {
        receiver,
        peers,
        near,
        ..
    } = job.cell.scenario
    {
        if receiver == Receiver::Sub {
            socket.subscribe("").await?;
        }
        if near != Near::Nobody {
            socket.bind_also(near::NAME).await?;
            near::start(peer, receiver, peers, near);
        }
    }
    tell(Report::Ready(endpoint));
    match job.cell.scenario {
        Scenario::PushPull { size } => count_all(job, &mut socket, size).await,
        Scenario::IoThreads { size, .. } => count_each(job, &mut socket, size, STREAMS).await,
        Scenario::AmongIdle { .. } => count_all(job, &mut socket, AMONG_IDLE_SIZE).await,
        Scenario::Unequal {
            receiver, peers, ..
        } => unequal::measure(job, &mut socket, receiver, peers).await,
        Scenario::RouterDealer { clients, .. } if clients > 1 => {
            echo_each(job, &mut socket, clients).await
        }
        Scenario::ReqRep { .. } | Scenario::RouterDealer { .. } => loop {
            socket.echo().await?;
        },
        Scenario::PubSub { .. } | Scenario::Topics { .. } => unreachable!("they are shows"),
        Scenario::ManyPubs { .. } => unreachable!("it binds many sockets"),
        Scenario::ConnectStorm { connections } => {
            let messages = connections * STORM_MESSAGES;
            socket.recv_all(STORM_SIZE, messages).await?;
            tell(Report::Count {
                messages: messages as u64,
                nanos: 0,
            });
            std::future::pending().await
        }
        Scenario::Idle { .. } => loop {
            socket.recv().await?;
        },
    }
}

/// The side that connects: PUSH, REQ, DEALER, SUB.
async fn connected<P: Peer>(peer: &P, job: &Job, to: &str) -> Outcome<()> {
    match job.cell.scenario {
        Scenario::PushPull { size } => {
            stream(&mut peer.connect(Role::Push, to).await?, &vec![b'.'; size]).await
        }
        Scenario::ReqRep { size } => {
            time_round_trips(job, &mut peer.connect(Role::Req, to).await?, size).await
        }
        Scenario::RouterDealer { clients, size } => {
            let mut dealers = Vec::with_capacity(clients);
            for _ in 0..clients {
                dealers.push(peer.connect(Role::Dealer, to).await?);
            }
            pipeline(job, &mut dealers, size).await
        }
        Scenario::PubSub { .. } | Scenario::Topics { .. } => {
            let show = Show::of(job.cell.scenario).expect("these are shows");
            let (to, credits) = to.split_once(' ').unwrap_or((to, ""));
            let mut subs = Vec::with_capacity(show.prefixes.len());
            for prefixes in &show.prefixes {
                let mut sub = peer.connect(Role::Sub, to).await?;
                for prefix in prefixes {
                    sub.subscribe(prefix).await?;
                }
                subs.push(sub);
            }
            for sub in &mut subs {
                sub.recv().await?;
            }
            GO.store(true, Ordering::Release);
            say(Report::Joined);
            let credits = peer.connect(Role::Push, credits).await?;
            take_in_turn(job, subs, credits, show.size).await
        }
        Scenario::ManyPubs { .. } => many_pubs::subscribe(peer, job, to).await,
        Scenario::ConnectStorm { connections } => {
            say(Report::Begin);
            let mut pushes = Vec::with_capacity(connections);
            for _ in 0..connections {
                let mut push = peer.connect(Role::Push, to).await?;
                for _ in 0..STORM_MESSAGES {
                    push.send(&[b'.'; STORM_SIZE]).await?;
                }
                push.flush().await?;
                pushes.push(push);
            }
            stay(pushes).await
        }
        Scenario::Idle { connections } => {
            let begin = Instant::now();
            let crowd = Crowd::connect(to, connections)?;
            let nanos = nanos(begin.elapsed());
            say(Report::Connected { nanos });
            crowd.stay()
        }
        Scenario::AmongIdle { connections } => {
            let crowd = Crowd::connect(to, connections)?;
            std::thread::spawn(move || crowd.stay().map_err(complain));
            let mut push = peer.connect(Role::Push, to).await?;
            stream(&mut push, &[b'.'; AMONG_IDLE_SIZE]).await
        }
        Scenario::IoThreads { size, .. } => Crowd::connect(to, STREAMS)?.stream(size),
        Scenario::Unequal {
            receiver,
            peers,
            near,
            ..
        } => unequal::send(to, receiver, peers, near),
    }
}

/// Keeps what it is given until the process is killed; a runtime on this thread goes on meanwhile.
async fn stay<T>(_kept: T) -> Outcome<()> {
    std::future::pending().await
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The parent holds the other end of standard input: a byte lets the publisher begin, and when the parent ends, for
/// whatever reason, so does this process.
fn listen_to_the_parent() {
    std::thread::spawn(|| {
        while let Ok(1) = std::io::stdin().lock().read(&mut [0]) {
            GO.store(true, Ordering::Release);
        }
        std::process::exit(1);
    });
}

/// Storms need two descriptors a connection with some libraries.
fn allow_many_files() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Refused: then the cell that needs them fails, and says so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// The endpoint to bind for `transport`; an ipc path lies in `folder`.
pub(crate) fn endpoint(transport: Transport, folder: &std::path::Path) -> String {
    match transport {
        Transport::Tcp | Transport::Curve => "tcp://127.0.0.1:0".to_owned(),
        Transport::Ipc => format!("ipc://{}", folder.join("socket").display()),
        Transport::Inproc => "inproc://versus".to_owned(),
    }
}

/// A second endpoint to bind, beside `at`.
fn beside(at: &str) -> String {
    if at.starts_with("tcp:") {
        at.to_owned()
    } else {
        format!("{at}-credits")
    }
}
