//! CURVE against libzmq: keys, folders of certificates and a Jupyter kernel, with pyzmq at the other end.
#![cfg(feature = "curve")]

#[allow(dead_code, reason = "its conversation with itself is not used")]
#[path = "../examples/jupyter_kernel.rs"]
mod jupyter_kernel;
mod support;

use std::process::Stdio;

use highwater::security::{AllowKeys, Certificate, KeyFolder, Keypair, PublicKey, Security};
use highwater::{Context, EventKind, LinkError, Pull, Push};
use support::{
    PATIENCE, Place, Python, joined_soon, must_end, over_each_transport, wait_for_event,
};

over_each_transport!(
    a_client_of_libzmq_comes_in_by_its_key,
    a_client_of_libzmq_comes_in_by_a_folder_of_pyzmq,
    an_authenticator_of_pyzmq_lets_our_key_in_and_no_other,
);

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// A PUSH of libzmq with the keys `pair`, as python gave them.
fn libzmq_push(python: &mut Python, pair: &str, server: PublicKey, at: &highwater::Endpoint) {
    let (public, secret) = pair.split_once(' ').expect("two keys");
    assert_eq!(python.ask("new push PUSH"), "");
    for (name, value) in [
        ("CURVE_PUBLICKEY", public),
        ("CURVE_SECRETKEY", secret),
        ("CURVE_SERVERKEY", &server.to_string()),
    ] {
        assert_eq!(python.ask(&format!("set push {name} :{value}")), "");
    }
    assert_eq!(python.ask(&format!("connect push {at}")), "");
    assert_eq!(python.ask(&format!("send push {}", hex("hello"))), "");
}

fn public_key(pair: &str) -> PublicKey {
    let (public, _) = pair.split_once(' ').expect("two keys");
    public.parse().expect("a key")
}

fn a_client_of_libzmq_comes_in_by_its_key(place: &Place) {
    let Some(mut python) = Python::start() else {
        return;
    };
    let context = Context::new();
    let server = Keypair::generate();
    let allowed = AllowKeys::default();
    let pull = Pull::builder(&context)
        .security(Security::curve_server(&server).only(allowed.clone()))
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let pair = python.ask("keypair");
    allowed.add(public_key(&pair));
    libzmq_push(&mut python, &pair, server.public(), &at);
    let (peer, message) = pull.recv_from_timeout(PATIENCE).expect("received");
    assert_eq!(
        (peer.key, message),
        (Some(public_key(&pair)), "hello".into())
    );
}

fn a_client_of_libzmq_comes_in_by_a_folder_of_pyzmq(place: &Place) {
    let Some(mut python) = Python::start() else {
        return;
    };
    let context = Context::new();
    let server = Keypair::generate();
    let folder = tempfile::tempdir().expect("a folder");
    let pair = python.ask(&format!("certificates {} anna", folder.path().display()));
    let known = KeyFolder::open(folder.path()).expect("it is there");
    assert!(known.keys().contains(&public_key(&pair)));
    let pull = Pull::builder(&context)
        .security(Security::curve_server(&server).only(known))
        .build();
    let at = pull.bind(place.any()).expect("bound");
    libzmq_push(&mut python, &pair, server.public(), &at);
    let (peer, message) = pull.recv_from_timeout(PATIENCE).expect("received");
    assert_eq!(
        (peer.key, message),
        (Some(public_key(&pair)), "hello".into())
    );
}

fn an_authenticator_of_pyzmq_lets_our_key_in_and_no_other(place: &Place) {
    let Some(mut python) = Python::start() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (anna, eve) = (Keypair::generate(), Keypair::generate());
    Certificate::public_only(anna.public())
        .save(
            folder.path().join("anna"),
            highwater::security::FileNames::Pyzmq,
        )
        .expect("saved");
    assert_eq!(python.ask("authenticate"), "");
    let keys = format!("keys test {}", folder.path().display());
    assert_eq!(python.ask(&keys), "");
    let pair = python.ask("keypair");
    let (_, secret) = pair.split_once(' ').expect("two keys");
    assert_eq!(python.ask("new pull PULL"), "");
    assert_eq!(python.ask("set pull ZAP_DOMAIN :test"), "");
    assert_eq!(python.ask("set pull CURVE_SERVER 1"), "");
    assert_eq!(
        python.ask(&format!("set pull CURVE_SECRETKEY :{secret}")),
        ""
    );
    let at = match place.transport() {
        highwater::Transport::Tcp => "tcp://127.0.0.1:*".to_owned(),
        _ => place.vacant(),
    };
    let at = python.ask(&format!("bind pull {at}"));
    let context = Context::new();
    let connect = |keys: &Keypair| {
        let security = Security::curve_client(keys, public_key(&pair));
        let push = Push::builder(&context).security(security).build();
        let events = push.monitor();
        push.connect(at.as_str()).expect("connects");
        (push, events)
    };
    let (_eves, events) = connect(&eve);
    // Nothing shows that the ERROR is theirs, so it is told, and is not final.
    let refused = LinkError::Refused {
        reason: "400".to_owned(),
    };
    let is_it =
        |kind: &EventKind| matches!(kind, EventKind::Retrying { cause, .. } if *cause == refused);
    wait_for_event(&events, "of the refusal", is_it);
    wait_for_event(&events, "of the next", is_it);
    let (annas, _) = connect(&anna);
    annas.send("hello").expect("sent");
    assert_eq!(python.ask("recv pull"), hex("hello"));
    assert_eq!(annas.peers()[0].key, Some(public_key(&pair)));
}

/// What a client does with a connection file, with pyzmq alone.
const JUPYTER_CLIENT: &str = r#"
import json, sys, zmq
file = json.load(open(sys.argv[1]))
context = zmq.Context()
public, secret = zmq.curve_keypair()

def connect(kind, name):
    socket = context.socket(kind)
    socket.linger, socket.rcvtimeo, socket.sndtimeo = 0, 60000, 60000
    socket.curve_publickey, socket.curve_secretkey = public, secret
    socket.curve_serverkey = file["curve_publickey"].encode()
    if kind == zmq.SUB:
        socket.subscribe(b"")
    socket.connect(f"{file['transport']}://{file['ip']}:{file[name + '_port']}")
    return socket

shell, iopub = connect(zmq.DEALER, "shell"), connect(zmq.SUB, "iopub")
control, heart = connect(zmq.DEALER, "control"), connect(zmq.REQ, "hb")
stdin = connect(zmq.DEALER, "stdin")

def ask(socket, kind, content):
    header = json.dumps({"msg_id": "1", "msg_type": kind, "version": "5.4"})
    socket.send_multipart([b"<IDS|MSG>", b"", header.encode(), b"{}", b"{}", json.dumps(content).encode()])
    reply = socket.recv_multipart()
    return json.loads(reply[2])["msg_type"], json.loads(reply[5])

heart.send(b"ping")
assert heart.recv() == b"ping"
kind, content = ask(shell, "kernel_info_request", {})
assert (kind, content["status"]) == ("kernel_info_reply", "ok"), (kind, content)
while True:
    kind, content = ask(shell, "execute_request", {"code": "6 * 7"})
    assert (kind, content["status"]) == ("execute_reply", "ok"), (kind, content)
    if iopub.poll(100):
        break
result = iopub.recv_multipart()
assert json.loads(result[5])["data"]["text/plain"] == "6 * 7", result
kind, content = ask(control, "shutdown_request", {"restart": False})
assert (kind, content["status"]) == ("shutdown_reply", "ok"), (kind, content)
print("served")
"#;

#[test]
fn a_jupyter_client_of_pyzmq_talks_to_our_kernel() {
    must_end("a Jupyter kernel", || {
        let Some(mut python) = Python::command() else {
            return;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kernel.json");
        jupyter_kernel::Connection::write_new(&path).expect("written");
        let connection = jupyter_kernel::Connection::read(&path).expect("read");
        let kernel = std::thread::spawn(move || jupyter_kernel::serve(&connection));
        let said = python
            .arg("-c")
            .arg(JUPYTER_CLIENT)
            .arg(&path)
            .stderr(Stdio::inherit())
            .output()
            .expect("python has been started before");
        assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "served");
        joined_soon("the kernel", kernel).expect("it has served");
    });
}
