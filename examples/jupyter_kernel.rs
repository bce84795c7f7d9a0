//! The five sockets of a Jupyter kernel over CURVE, as a connection file describes them.
//!
//! A connection file has the addresses, the keys of the server (`curve_publickey` and `curve_secretkey`, in Z85), and here no
//! key for signatures: CURVE protects what these would. Clients make a pair of keys of their own, and whoever knows the
//! server's public key may come in. This kernel answers `kernel_info_request`, `execute_request` (its answer is the code
//! itself), heartbeats and `shutdown_request`.
//!
//! Run it with `cargo run --features curve --example jupyter_kernel`; it then talks to itself, ends, and fails if an answer is
//! wrong. With the path of a connection file it serves clients until one of them shuts it down.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use highwater::security::{Keypair, PublicKey, SecretKey, Security};
use highwater::{Context, Dealer, Message, Pub, Rep, Req, Router, Sub};

/// How long anything may take in the conversation with itself.
const PATIENCE: Duration = Duration::from_secs(30);

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    if let Some(path) = std::env::args().nth(1) {
        return serve(&Connection::read(Path::new(&path))?);
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("kernel.json");
    Connection::write_new(&path)?;
    let kernel = {
        let connection = Connection::read(&path)?;
        thread::spawn(move || serve(&connection))
    };
    let said = talk(&Connection::read(&path)?)?;
    println!("the kernel said {said:?}");
    assert_eq!(said, "6 * 7");
    kernel.join().expect("the kernel does not panic")
}

/// What a connection file says.
pub(crate) struct Connection {
    text: String,
    keys: Keypair,
}

impl Connection {
    /// Makes a file with new keys and ports that are free.
    pub(crate) fn write_new(path: &Path) -> Result<(), Failure> {
        let keys = Keypair::generate();
        let mut fields = vec![
            r#""transport": "tcp""#.to_owned(),
            r#""ip": "127.0.0.1""#.to_owned(),
            r#""key": """#.to_owned(),
            format!(r#""curve_publickey": "{}""#, keys.public()),
            format!(
                r#""curve_secretkey": "{}""#,
                keys.secret().to_text().as_str()
            ),
        ];
        // Held until all are known, so that no two are the same.
        let mut held = Vec::new();
        for name in ["shell", "iopub", "stdin", "control", "hb"] {
            let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
            fields.push(format!(
                r#""{name}_port": {}"#,
                listener.local_addr()?.port()
            ));
            held.push(listener);
        }
        // It has a secret in it.
        let mut file = fs::OpenOptions::new()
            .mode(0o600)
            .write(true)
            .create_new(true)
            .open(path)?;
        write!(file, "{{{}}}", fields.join(", "))?;
        Ok(())
    }

    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path)?;
        let public: PublicKey = field(&text, "curve_publickey")?.parse()?;
        let secret: SecretKey = field(&text, "curve_secretkey")?.parse()?;
        let keys = Keypair::new(public, secret)?;
        Ok(Self { text, keys })
    }

    /// The address of a socket, such as `shell`.
    fn endpoint(&self, socket: &str) -> Result<String, Failure> {
        let port = field(&self.text, &format!("{socket}_port"))?;
        Ok(format!("tcp://{}:{port}", field(&self.text, "ip")?))
    }

    /// Whoever knows the public key may come in: that is how connection files are meant.
    fn server(&self) -> Security {
        Security::curve_server(&self.keys).anyone()
    }
}

/// The value of a field of a flat JSON object, without its quotes.
fn field<'a>(text: &'a str, name: &str) -> Result<&'a str, Failure> {
    let missing = || format!("there is no {name}");
    let (_, rest) = text
        .split_once(&format!("\"{name}\""))
        .ok_or_else(missing)?;
    let rest = rest.trim_start().strip_prefix(':').ok_or_else(missing)?;
    let rest = rest.trim_start();
    match rest.strip_prefix('"') {
        Some(rest) => Ok(rest.split('"').next().unwrap_or(rest)),
        None => Ok(rest.split([',', '}', '\n']).next().unwrap_or(rest).trim()),
    }
}

/// The kernel: until it is asked to shut down.
pub(crate) fn serve(connection: &Connection) -> Result<(), Failure> {
    let context = Context::new();
    let security = || connection.server();
    let router = || Router::builder(&context).security(security()).build();
    let (shell, stdin, control) = (router(), router(), router());
    let iopub = Pub::builder(&context).security(security()).build();
    let heartbeat = Rep::builder(&context).security(security()).build();
    shell.bind(connection.endpoint("shell")?.as_str())?;
    iopub.bind(connection.endpoint("iopub")?.as_str())?;
    stdin.bind(connection.endpoint("stdin")?.as_str())?;
    control.bind(connection.endpoint("control")?.as_str())?;
    heartbeat.bind(connection.endpoint("hb")?.as_str())?;

    thread::scope(|scope| {
        scope.spawn(|| {
            while let Ok(request) = heartbeat.recv() {
                let echo = request.message().clone();
                // That who asked has gone is no matter for a heartbeat.
                let _ = request.reply(echo);
            }
        });
        scope.spawn(|| {
            while let Ok((from, request)) = shell.recv() {
                let _ = answer(&request, &iopub).map(|reply| shell.send_to(&from, reply));
            }
        });
        while let Ok((from, request)) = control.recv() {
            let Some(reply) = answer(&request, &iopub) else {
                continue;
            };
            let ends = kind(&request) == Some("shutdown_request");
            let _ = control.send_to(&from, reply);
            if ends {
                break;
            }
        }
        // What was sent is still written.
        let _ = control.close(PATIENCE);
        context.shutdown();
    });
    Ok(())
}

/// `msg_type` in the header of a message, which has the frames `<IDS|MSG>`, signature, header, parent header, metadata,
/// content.
fn kind(message: &Message) -> Option<&str> {
    let frames = message.frames();
    let at = frames.iter().position(|frame| *frame == "<IDS|MSG>")?;
    let header = std::str::from_utf8(frames.get(at + 2)?).ok()?;
    field(header, "msg_type").ok()
}

/// The answer to a request; what follows from it is published.
fn answer(request: &Message, iopub: &Pub) -> Option<Message> {
    let asked = kind(request)?;
    let frames = request.frames();
    let at = frames.iter().position(|frame| *frame == "<IDS|MSG>")?;
    let (header, content) = (frames.get(at + 2)?, frames.get(at + 5)?);
    let content = std::str::from_utf8(content).ok()?;
    let reply = |kind: &str, content: String| -> Message {
        let ours = format!(r#"{{"msg_id": "1", "msg_type": "{kind}", "version": "5.4"}}"#);
        let parent = String::from_utf8_lossy(header).into_owned();
        [
            "<IDS|MSG>".into(),
            String::new(),
            ours,
            parent,
            "{}".into(),
            content,
        ]
        .into()
    };
    match asked {
        "kernel_info_request" => Some(reply(
            "kernel_info_reply",
            r#"{"status": "ok", "protocol_version": "5.4", "implementation": "highwater"}"#.into(),
        )),
        "execute_request" => {
            let code = field(content, "code").ok()?;
            let result = format!(r#"{{"data": {{"text/plain": "{code}"}}, "execution_count": 1}}"#);
            // Nobody may listen, which is no fault.
            let _ = iopub.send(reply("execute_result", result));
            Some(reply(
                "execute_reply",
                r#"{"status": "ok", "execution_count": 1}"#.into(),
            ))
        }
        "shutdown_request" => Some(reply("shutdown_reply", r#"{"status": "ok"}"#.into())),
        _ => None,
    }
}

/// A client: has some code executed, shuts the kernel down, and says what came of the code.
fn talk(connection: &Connection) -> Result<String, Failure> {
    let context = Context::new();
    let keys = Keypair::generate();
    let security = || Security::curve_client(&keys, connection.keys.public());
    let shell = Dealer::builder(&context).security(security()).build();
    let control = Dealer::builder(&context).security(security()).build();
    let iopub = Sub::builder(&context).security(security()).build();
    let mut heartbeat = Req::builder(&context).security(security()).build();
    iopub.subscribe("")?;
    shell.connect(connection.endpoint("shell")?.as_str())?;
    iopub.connect(connection.endpoint("iopub")?.as_str())?;
    control.connect(connection.endpoint("control")?.as_str())?;
    heartbeat.connect(connection.endpoint("hb")?.as_str())?;
    assert_eq!(heartbeat.request_timeout("ping", PATIENCE)?, "ping");

    let request = |kind: &str, content: &str| -> Message {
        let header = format!(r#"{{"msg_id": "1", "msg_type": "{kind}", "version": "5.4"}}"#);
        ["<IDS|MSG>", "", &header, "{}", "{}", content].into()
    };
    shell.send(request("kernel_info_request", "{}"))?;
    let info = shell.recv_timeout(PATIENCE)?;
    assert_eq!(kind(&info), Some("kernel_info_reply"));
    // A subscription takes its time to arrive: the code is executed until its result comes.
    let result = loop {
        shell.send(request("execute_request", r#"{"code": "6 * 7"}"#))?;
        assert_eq!(kind(&shell.recv_timeout(PATIENCE)?), Some("execute_reply"));
        if let Ok(result) = iopub.recv_timeout(Duration::from_millis(100)) {
            break result;
        }
    };
    assert_eq!(kind(&result), Some("execute_result"));
    control.send(request("shutdown_request", "{}"))?;
    let reply = control.recv_timeout(PATIENCE)?;
    assert_eq!(kind(&reply), Some("shutdown_reply"));
    let content = String::from_utf8_lossy(&result[5]).into_owned();
    Ok(field(&content, "text/plain")?.to_owned())
}
