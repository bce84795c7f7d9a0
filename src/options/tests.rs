//! What the table takes and gives.

use super::*;

#[test]
fn every_option_reads_back_what_it_prints() {
    let defaults = Options::default();
    let mut options = Options::default();
    for name in Options::NAMES {
        let text = defaults.get(name).expect("a name from the table");
        options.set(name, &text, false).expect("its own text");
        assert_eq!(options.get(name), Ok(text), "{name}");
    }
}

#[test]
fn values_read_as_documented() {
    let mut options = Options::default();
    options
        .set("send_high_water_mark", "none", true)
        .expect("no limit");
    options.set("linger", "250", true).expect("milliseconds");
    options
        .set("keepalive", "2000,1500,3", true)
        .expect("three parts");
    assert_eq!(options.send_high_water_mark, None);
    assert_eq!(options.linger, Linger::AtMost(Duration::from_millis(250)));
    assert_eq!(
        options.keepalive,
        Keepalive::Every {
            idle: Duration::from_secs(2),
            interval: Duration::from_millis(1500),
            count: 3
        }
    );
}

#[test]
fn a_value_that_means_never_or_a_busy_processor_is_refused() {
    let mut options = Options::default();
    for (name, values) in [
        ("send_high_water_mark", &["0"][..]),
        ("receive_high_water_mark", &["0"]),
        ("send_high_water_bytes", &["0"]),
        ("receive_high_water_bytes", &["0"]),
        ("max_message_size", &["0"]),
        ("reconnect_interval", &["0", "0.5", "-1"]),
        ("reconnect_interval_max", &["0"]),
        ("connect_timeout", &["0"]),
        ("handshake_timeout", &["0"]),
        ("heartbeat_interval", &["0", "0.001"]),
        ("heartbeat_timeout", &["0"]),
        ("heartbeat_ttl", &["0", "65501"]),
        ("send_buffer", &["0", "2147483648"]),
        ("receive_buffer", &["0"]),
        ("backlog", &["0", "2147483648"]),
        ("tcp_user_timeout", &["0"]),
        ("bind_to_device", &["", "longer-than-any-one", "a/b"]),
        (
            "keepalive",
            &["0,1000,3", "1000,0,3", "1000,1000,0", "1000,1000,128"],
        ),
        ("ipc_permissions", &["1000"]),
    ] {
        let before = options.get(name);
        for value in values {
            let refused = options.set(name, value, false).expect_err(value);
            assert!(matches!(refused, OptionError::Invalid { .. }), "{refused}");
            assert_eq!(options.get(name), before, "{name}={value}");
        }
    }
}

#[test]
fn whoever_may_have_none_says_so() {
    let mut options = Options::default();
    for name in Options::NAMES {
        let takes_none = options.clone().set(name, "none", false).is_ok();
        // What no option takes, but one of text.
        let Err(refused) = options.set(name, "\0", false) else {
            continue;
        };
        let says_none = refused.to_string().contains("none");
        assert_eq!(says_none, takes_none, "{refused}");
    }
}

#[test]
fn what_a_builder_was_given_in_vain_is_remembered_until_it_is_given_another() {
    let mut options = Options::default();
    let invalid = |name| {
        Err::<(), _>(OptionError::Invalid {
            name,
            expected: "sense",
        })
    };
    assert_eq!(options.taken("linger", invalid("linger")), None);
    assert_eq!(options.taken("backlog", invalid("backlog")), None);
    assert_eq!(options.refused(), invalid("linger").as_ref().err());
    options.set("backlog", "7", false).expect("a number");
    assert_eq!(options.refused(), invalid("linger").as_ref().err());
    options.set("linger", "7", false).expect("a number");
    assert_eq!(options.refused(), None);
}

#[test]
fn a_wrong_name_value_or_moment_is_told_apart() {
    let mut options = Options::default();
    assert!(matches!(
        options.set("hwm", "1", false),
        Err(OptionError::Unknown { .. })
    ));
    assert!(matches!(
        options.set("linger", "soon", false),
        Err(OptionError::Invalid { name: "linger", .. })
    ));
    assert!(matches!(
        options.set("conflate", "true", true),
        Err(OptionError::Fixed { name: "conflate" })
    ));
}
