//! A service over CURVE: a folder of certificates says who may ask, and whoever is taken out of it is out at once.
//!
//! The server knows its own secret key and the public keys in the folder; each client knows its own secret key and the
//! server's public one. Files of czmq and pyzmq will do as well. Run it with
//! `cargo run --features curve --example curve_service`; it ends by itself and fails if anybody gets what they must not.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crossbeam_channel::Receiver;
use highwater::security::{Certificate, FileNames, KeyFolder, Keypair, PublicKey, Security};
use highwater::{Context, Endpoint, Event, EventKind, LinkError, Rep, Req};

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(30);

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let server = Keypair::generate();
    let [anna, eve] = ["anna", "eve"].map(|name| make_client(folder.path(), name));
    let (anna, eve, stranger) = (anna?, eve?, Keypair::generate());

    let context = Context::new();
    let allowed = KeyFolder::open(folder.path())?;
    let service = Rep::builder(&context)
        .security(Security::curve_server(&server).only(allowed.clone()))
        .build();
    let events = service.monitor();
    let at = service.bind("tcp://127.0.0.1:*")?;

    thread::scope(|scope| {
        let answers = scope.spawn(|| answer(&service));

        let mut annas = client(&context, &anna, server.public(), &at)?;
        let mut eves = client(&context, &eve, server.public(), &at)?;
        assert_eq!(
            annas.request_timeout("who am I?", PATIENCE)?,
            "you are anna"
        );
        assert_eq!(eves.request_timeout("who am I?", PATIENCE)?, "you are eve");

        // Whoever has no certificate in the folder is told so, and stops.
        let mut strangers = client(&context, &stranger, server.public(), &at)?;
        let refused = strangers.request_timeout("let me in", PATIENCE);
        wait_for(&events, |kind| {
            matches!(kind, EventKind::HandshakeFailed(_))
        })?;
        println!("the stranger: {}", refused.expect_err("not in the folder"));

        // Eve's certificate is taken away: her connection ends, and she does not come in again. Without `look` it would
        // take up to a second.
        fs::remove_file(folder.path().join("eve.key"))?;
        allowed.look()?;
        wait_for(&events, |kind| {
            matches!(
                kind,
                EventKind::Disconnected {
                    cause: LinkError::Revoked,
                    ..
                }
            )
        })?;
        let refused = eves.request_timeout("who am I?", PATIENCE);
        println!("eve: {}", refused.expect_err("no longer in the folder"));
        assert_eq!(
            annas.request_timeout("who am I?", PATIENCE)?,
            "you are anna"
        );

        // She has come again, with the key that is no longer known.
        wait_for(&events, |kind| {
            matches!(kind, EventKind::HandshakeFailed(_))
        })?;

        context.shutdown();
        let answered = answers.join().expect("the service does not panic")?;
        assert_eq!(answered, 3, "one of eve's and two of anna's");
        Ok(())
    })
}

/// Keys for a client, whose public one goes into the folder. The secret one would stay with the client.
fn make_client(folder: &Path, name: &str) -> Result<Keypair, Failure> {
    let keys = Keypair::generate();
    Certificate::public_only(keys.public())
        .with("name", name)?
        .save(folder.join(name), FileNames::Pyzmq)?;
    Ok(keys)
}

/// Shows events of the service until there is one of this kind.
fn wait_for(events: &Receiver<Event>, is_it: impl Fn(&EventKind) -> bool) -> Result<(), Failure> {
    loop {
        let event = events.recv_timeout(PATIENCE)?;
        println!("the service: {event}");
        if is_it(&event.kind) {
            return Ok(());
        }
    }
}

fn client(
    context: &Context,
    keys: &Keypair,
    server: PublicKey,
    at: &Endpoint,
) -> Result<Req, Failure> {
    let req = Req::builder(context)
        .security(Security::curve_client(keys, server))
        .reconnect_interval(Duration::from_millis(10))
        .build();
    req.connect(at)?;
    Ok(req)
}

/// Tells everybody who they are, until the context is shut down; says how often.
fn answer(service: &Rep) -> Result<usize, Failure> {
    let mut answered = 0;
    while let Ok(request) = service.recv() {
        let peer = request.peer().expect("a request comes on a connection");
        // The name stands in the certificate: the client cannot choose it.
        let name = peer.grant("name").expect("each certificate has one");
        let answer = format!("you are {}", String::from_utf8_lossy(name));
        request.reply(answer)?;
        answered += 1;
    }
    Ok(answered)
}
