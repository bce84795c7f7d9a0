//! A service on tokio: many requests at a time, clients that ask again, and a shutdown that answers what has arrived.
//!
//! No feature of the crate is needed: the futures of a socket run on any executor. Run it with
//! `cargo run --example tokio_service`; it ends by itself and fails if a reply is wrong or missing.

use std::error::Error;
use std::time::Duration;

use highwater::{Context, Endpoint, RecvError, Rep, Req, Request, RequestError};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const CLIENTS: u64 = 8;
const REQUESTS: u64 = 50;
/// Requests at work at a time. Further ones wait in the socket's queues, and then at their clients.
const AT_WORK: usize = 64;
/// How long a client waits for a reply before it asks again.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a shutdown may take: for requests that have arrived, and again for replies on their way.
const GRACE: Duration = Duration::from_secs(5);
type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let context = Context::new();
    let service = Rep::new(&context);
    let at = service.bind("tcp://127.0.0.1:*")?;
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(serve(service, stopped));

    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(ask(context.clone(), at.clone(), client));
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }

    // In a program of its own, `tokio::signal::ctrl_c()` would stand here.
    let _ = stop.send(());
    let answered = serving.await??;
    assert!(answered >= CLIENTS * REQUESTS, "each request has an answer");
    println!("{answered} answers for {CLIENTS} clients");
    Ok(())
}

/// Answers each request in a task of its own until it is stopped, and then what has arrived; says how many.
async fn serve(service: Rep, mut stopped: oneshot::Receiver<()>) -> Result<u64, Failure> {
    let mut at_work = JoinSet::new();
    let (mut answered, mut stopping) = (0, false);
    loop {
        tokio::select! {
            // A future that loses the race has taken no request.
            request = service.recv_async(), if at_work.len() < AT_WORK => match request {
                Ok(request) => drop(at_work.spawn(answer(request))),
                Err(RecvError::Ended(_)) => break, // retired, and nothing is left to be received
                Err(error) => return Err(error.into()),
            },
            Some(done) = at_work.join_next() => answered += u64::from(done??),
            // Takes no new requests, and lets those that have arrived be received and answered.
            _ = &mut stopped, if !stopping => (stopping, _) = (true, service.retire(GRACE)),
        }
    }
    while let Some(done) = at_work.join_next().await {
        answered += u64::from(done??);
    }
    println!("{} replies lost", service.close_async(GRACE).await.lost);
    Ok(answered)
}

/// Squares a number, now and then too slowly; says whether somebody still waited for the answer.
async fn answer(request: Request) -> Result<bool, Failure> {
    let number: u64 = request.to_str()?.parse()?;
    if rand::random_ratio(1, 100) {
        sleep(2 * PATIENCE).await;
    }
    let square = (number * number).to_string();
    Ok(request.reply_async(square).await.is_ok())
}

/// Asks for some squares, one after the other, each of them as often as it takes.
async fn ask(context: Context, service: Endpoint, client: u64) -> Result<(), Failure> {
    // Numbered requests: a late reply is dropped, and the connection stays.
    let mut req = Req::builder(&context).correlated(true).build();
    req.connect(&service)?;
    for number in client * REQUESTS..(client + 1) * REQUESTS {
        let reply = loop {
            // When the time is over, the future is dropped, and with it the request.
            match timeout(PATIENCE, req.request_async(number.to_string())).await {
                Ok(Ok(reply)) => break reply,
                Err(_) | Ok(Err(RequestError::PeerGone)) => println!("{number}: asked again"),
                Ok(Err(error)) => return Err(error.into()),
            }
        };
        assert_eq!(reply, (number * number).to_string());
    }
    Ok(())
}
