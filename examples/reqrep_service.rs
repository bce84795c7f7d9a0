//! A request/reply service: any number of clients, any number of workers, a broker between them.
//!
//! Clients and workers know the broker's two addresses and nothing of each other, so either may come, go or multiply
//! without the other noticing. The broker is one line: a proxy between a ROUTER and a DEALER, which carries each
//! request's way back in its envelope.
//!
//! Here all of them are threads of one process; each would work the same as a program of its own. Run it with
//! `cargo run --example reqrep_service`; it ends by itself and fails if any reply is wrong or missing.

use std::error::Error;
use std::thread;
use std::time::Duration;

use highwater::{Context, Dealer, Endpoint, Proxy, RecvError, Rep, Req, RequestError, Router};

const WORKERS: usize = 3;
const CLIENTS: usize = 4;
const REQUESTS: usize = 250;

/// How long a client waits for a reply before it asks again.
const PATIENCE: Duration = Duration::from_secs(10);

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let context = Context::new();
    let (frontend, backend) = (Router::new(&context), Dealer::new(&context));
    let for_clients = frontend.bind("tcp://127.0.0.1:*")?;
    let for_workers = backend.bind("tcp://127.0.0.1:*")?;
    let broker = Proxy::new(&frontend, &backend).spawn()?;

    let answered = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| scope.spawn(|| work(&context, &for_workers)))
            .collect();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (context, at) = (&context, &for_clients);
                scope.spawn(move || ask(context, at, number))
            })
            .collect();

        for client in clients {
            client.join().expect("a client does not panic")?;
        }
        println!("the broker has seen {:?}", broker.statistics().frontend);
        // Ends whatever still waits: the workers, and the broker.
        context.shutdown();
        let mut answered = 0;
        for worker in workers {
            answered += worker.join().expect("a worker does not panic")?;
        }
        Ok::<_, Failure>(answered)
    })?;

    assert_eq!(answered, CLIENTS * REQUESTS, "each request has one answer");
    println!("{WORKERS} workers answered {answered} requests of {CLIENTS} clients");
    Ok(())
}

/// Squares numbers until the context is shut down; says how many.
fn work(context: &Context, broker: &Endpoint) -> Result<usize, Failure> {
    let service = Rep::new(context);
    service.connect(broker)?;
    let mut answered = 0;
    loop {
        let request = match service.recv() {
            Ok(request) => request,
            Err(RecvError::Ended(_)) => return Ok(answered),
            Err(error) => return Err(error.into()),
        };
        let number: u64 = request.to_str()?.parse()?;
        request.reply((number * number).to_string())?;
        answered += 1;
    }
}

/// Asks for some squares, one after the other.
fn ask(context: &Context, broker: &Endpoint, client: usize) -> Result<(), Failure> {
    // Numbered requests, since one may be given up: a late reply is then not taken for the next one's.
    let mut service = Req::builder(context).correlated(true).build();
    service.connect(broker)?;
    for number in client * REQUESTS..(client + 1) * REQUESTS {
        let reply = loop {
            match service.request_timeout(number.to_string(), PATIENCE) {
                Ok(reply) => break reply,
                // Lost, or very late. Squaring twice does no harm, so ask again.
                Err(RequestError::Timeout | RequestError::PeerGone) => {}
                Err(error) => return Err(error.into()),
            }
        };
        assert_eq!(reply, (number * number).to_string());
    }
    Ok(())
}
