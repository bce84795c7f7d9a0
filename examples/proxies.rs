//! Broker, forwarder and streamer: three programs in the middle, five lines each.
//!
//! As programs, they run until they are stopped: `cargo run --example proxies -- broker tcp://*:5559 tcp://*:5560`, and
//! `forwarder` and `streamer` likewise. Without arguments each is tried out in this process: something is sent through
//! it, and the example ends by itself and fails if it does not come out.

use std::env;
use std::error::Error;
use std::thread;
use std::time::Duration;

use highwater::{
    Context, Dealer, Proxy, ProxyStats, Pub, Pull, Push, Rep, Req, Router, Sub, XPub, XSub,
};

type Failure = Box<dyn Error + Send + Sync>;

/// Requests from clients to workers, replies back.
fn broker(context: &Context, clients: &str, workers: &str) -> Result<ProxyStats, Failure> {
    let frontend = Router::new(context);
    frontend.bind(clients)?;
    let backend = Dealer::new(context);
    backend.bind(workers)?;
    Ok(Proxy::new(&frontend, &backend).run())
}

/// Messages from publishers to subscribers, subscriptions back.
fn forwarder(
    context: &Context,
    publishers: &str,
    subscribers: &str,
) -> Result<ProxyStats, Failure> {
    let frontend = XSub::new(context);
    frontend.bind(publishers)?;
    let backend = XPub::new(context);
    backend.bind(subscribers)?;
    Ok(Proxy::new(&frontend, &backend).run())
}

/// Jobs from the one stage of a pipeline to the next.
fn streamer(context: &Context, sources: &str, sinks: &str) -> Result<ProxyStats, Failure> {
    let frontend = Pull::new(context);
    frontend.bind(sources)?;
    let backend = Push::new(context);
    backend.bind(sinks)?;
    Ok(Proxy::new(&frontend, &backend).run())
}

fn main() -> Result<(), Failure> {
    let context = Context::new();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let run = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["broker", front, back] => broker(&context, front, back),
        ["forwarder", front, back] => forwarder(&context, front, back),
        ["streamer", front, back] => streamer(&context, front, back),
        [] => return try_out(),
        _ => return Err("usage: proxies [broker | forwarder | streamer] FRONTEND BACKEND".into()),
    };
    println!("{:?}", run?);
    Ok(())
}

/// How long things may take here.
const PATIENCE: Duration = Duration::from_secs(10);

fn try_out() -> Result<(), Failure> {
    let folder = env::temp_dir().join(format!("highwater-proxies-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let at = |name: &str| format!("ipc://{}/{name}", folder.display());

    // Connecting may come before binding, so nobody has to wait for the proxies to be there.
    let forwarded = through(forwarder, &at("in"), &at("out"), |context| {
        let (publisher, subscriber) = (Pub::new(context), Sub::new(context));
        publisher.connect(at("in"))?;
        subscriber.connect(at("out"))?;
        subscriber.subscribe("news")?;
        publisher.wait_for_subscription("news", 1, PATIENCE)?;
        publisher.send("news: it works")?;
        assert_eq!(subscriber.recv_timeout(PATIENCE)?, "news: it works");
        Ok(())
    })?;
    println!("forwarder: {forwarded:?}");

    let brokered = through(broker, &at("clients"), &at("workers"), |context| {
        let (mut client, worker) = (Req::new(context), Rep::new(context));
        client.connect(at("clients"))?;
        worker.connect(at("workers"))?;
        let pending = client.send("works?")?;
        worker.recv_timeout(PATIENCE)?.reply("works")?;
        assert_eq!(pending.recv_timeout(PATIENCE)?, "works");
        Ok(())
    })?;
    println!("broker: {brokered:?}");

    let streamed = through(streamer, &at("sources"), &at("sinks"), |context| {
        let (source, sink) = (Push::new(context), Pull::new(context));
        source.connect(at("sources"))?;
        sink.connect(at("sinks"))?;
        source.send("job")?;
        assert_eq!(sink.recv_timeout(PATIENCE)?, "job");
        Ok(())
    })?;
    println!("streamer: {streamed:?}");
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Uses a proxy, then ends it.
fn through(
    proxy: fn(&Context, &str, &str) -> Result<ProxyStats, Failure>,
    front: &str,
    back: &str,
    usage: impl FnOnce(&Context) -> Result<(), Failure>,
) -> Result<ProxyStats, Failure> {
    let context = Context::new();
    thread::scope(|scope| {
        let running = scope.spawn(|| proxy(&context, front, back));
        let used = usage(&context);
        context.shutdown();
        let stats = running.join().expect("a proxy does not panic");
        used.and(stats)
    })
}
