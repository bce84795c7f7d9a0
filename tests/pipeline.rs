//! One PUSH and one PULL over real transports.

use std::time::Duration;

use highwater::{Context, Pull, Push};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_stream_of_small_then_large_messages_arrives_whole_and_in_order() {
    let context = Context::new();
    let push = Push::new(&context);
    let at = push.bind("tcp://127.0.0.1:0").expect("a port is free");
    let pull = Pull::new(&context);
    pull.connect(&at).expect("the endpoint is good");
    let sender = std::thread::spawn(move || {
        for number in 0..100_000u32 {
            push.send(&number.to_le_bytes()).expect("sent");
        }
        push.send(vec![7; 3_000_000]).expect("sent");
        for number in 0..1_000u32 {
            push.send(vec![number as u8; 20_000]).expect("sent");
        }
        push.close(PATIENCE)
    });
    for number in 0..100_000u32 {
        assert_eq!(
            pull.recv_timeout(PATIENCE).expect("received"),
            &number.to_le_bytes()
        );
    }
    assert_eq!(
        pull.recv_timeout(PATIENCE).expect("received"),
        vec![7; 3_000_000]
    );
    for number in 0..1_000u32 {
        assert_eq!(
            pull.recv_timeout(PATIENCE).expect("received"),
            vec![number as u8; 20_000]
        );
    }
    let report = sender.join().expect("the sender does not panic");
    assert_eq!(report.lost, 0);
}
