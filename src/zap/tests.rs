use super::*;
use crate::peer::Credentials;

fn candidate(proof: Proof) -> Candidate {
    Candidate {
        address: Some([127, 0, 0, 1].into()),
        ..Candidate::for_tests(proof)
    }
}

fn plain(user: &'static str, password: &'static str) -> Candidate {
    candidate(Proof::Plain {
        user: user.into(),
        password: password.into(),
    })
}

fn message(frames: &[&[u8]]) -> Message {
    let frames: Vec<Frame> = frames.iter().map(|frame| Frame::from(*frame)).collect();
    frames.into()
}

fn answer(frames: [&[u8]; 6]) -> Result<Verdict, String> {
    read_answer(&message(&frames))
}

/// Source: the recorded conversations `plain-ok` and `null-zap-domain` of libzmq with its handler.
#[test]
fn a_question_has_the_frames_that_libzmq_sends() {
    assert_eq!(
        question(&"test".into(), &plain("admin", "secret")),
        [
            "1.0",
            "1",
            "test",
            "127.0.0.1",
            "",
            "PLAIN",
            "admin",
            "secret"
        ]
    );
    assert_eq!(
        question(&"global".into(), &candidate(Proof::Null)),
        ["1.0", "1", "global", "127.0.0.1", "", "NULL"]
    );
    let within = Candidate {
        address: None,
        credentials: Some(Credentials {
            uid: 7,
            gid: 8,
            pid: Some(4711),
        }),
        ..candidate(Proof::Null)
    };
    assert_eq!(
        question(&Bytes::new(), &within),
        ["1.0", "1", "", "localhost:7:8:4711", "", "NULL"]
    );
}

/// The questions and answers in the manifests of recorded conversations: the name of each, and its frames.
fn recorded() -> Vec<(String, [Vec<Vec<u8>>; 2])> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the conversations are there") {
        let path = entry.expect("readable").path();
        let Ok(manifest) = std::fs::read_to_string(path.join("manifest.json")) else {
            continue;
        };
        let name = path.file_name().expect("a name").to_string_lossy();
        for asked in manifest.split("\"request\": [").skip(1) {
            let (request, rest) = asked.split_once(']').expect("a list");
            let (_, reply) = rest.split_once("\"reply\": [").expect("an answer");
            let (reply, _) = reply.split_once(']').expect("a list");
            all.push((name.clone().into_owned(), [request, reply].map(frames)));
        }
    }
    all
}

/// The strings of a list in JSON, which are in hexadecimal.
fn frames(list: &str) -> Vec<Vec<u8>> {
    let digits = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("ascii");
        u8::from_str_radix(pair, 16).expect("hexadecimal")
    };
    let strings = list.split('"').skip(1).step_by(2);
    strings
        .map(|text| text.as_bytes().chunks(2).map(digits).collect())
        .collect()
}

#[test]
fn each_recorded_question_is_ours_and_each_recorded_answer_is_understood() {
    let all = recorded();
    assert_eq!(all.len(), 10, "the recorded questions are gone");
    for (name, [request, reply]) in all {
        let text = |at: usize| Bytes::from(request[at].clone());
        let proof = match &request[5][..] {
            b"NULL" => Proof::Null,
            b"PLAIN" => Proof::Plain {
                user: text(6),
                password: text(7),
            },
            #[cfg(feature = "curve")]
            b"CURVE" => Proof::Curve {
                key: highwater_curve::PublicKey::from_bytes(
                    request[6][..].try_into().expect("32 bytes"),
                )
                .expect("a good key"),
            },
            _ => continue,
        };
        let asked = question(&text(2), &candidate(proof));
        assert_eq!(asked, request.iter().collect::<Message>(), "{name}");
        let answer = read_answer(&reply.iter().collect());
        match (&reply[2][..], answer) {
            (b"200", Ok(Verdict::Allow { user, metadata })) => {
                assert_eq!(user.as_bytes(), reply[4], "{name}");
                assert_eq!(metadata.is_empty(), reply[5].is_empty(), "{name}");
            }
            (b"300", Err(why)) => assert_eq!(why, "300: Later", "{name}"),
            (status, Ok(Verdict::Deny { reason, why })) => {
                assert_eq!(
                    (reason.as_bytes(), why.as_bytes()),
                    (status, &reply[3][..]),
                    "{name}"
                );
            }
            (_, other) => panic!("{name}: {other:?}"),
        }
    }
}

#[cfg(feature = "curve")]
#[test]
fn a_key_is_asked_about_in_32_bytes() {
    let key = highwater_curve::SecretKey::from_bytes([7; 32]).public();
    let question = question(&"test".into(), &candidate(Proof::Curve { key }));
    assert_eq!(question.frame_count(), 7);
    let frames: Vec<&[u8]> = question.frames().iter().map(|frame| &**frame).collect();
    assert_eq!(frames[5..], [&b"CURVE"[..], key.as_bytes()]);
}

#[test]
fn each_status_means_what_it_means_in_the_rfc() {
    let told = b"\x05Hello\0\0\0\x05World";
    assert_eq!(
        answer([b"1.0", b"1", b"200", b"OK", b"joe", told]),
        Ok(Verdict::Allow {
            user: "joe".to_owned(),
            metadata: vec![("Hello".to_owned(), "World".into())],
        })
    );
    assert_eq!(
        answer([b"1.0", b"1", b"300", b"Later", b"", b""]),
        Err("300: Later".to_owned())
    );
    for status in ["400", "500"] {
        assert_eq!(
            answer([b"1.0", b"1", status.as_bytes(), b"No access", b"", b""]),
            Ok(Verdict::Deny {
                reason: status.to_owned(),
                why: "No access".to_owned(),
            })
        );
    }
}

#[test]
fn what_is_no_good_answer_lets_nobody_in_and_says_why() {
    let good: [&[u8]; 6] = [b"1.0", b"1", b"200", b"OK", b"joe", b""];
    for (place, wrong, why) in [
        (0, &b"1.1"[..], "version"),
        (0, b"", "version"),
        (1, b"2", "request id"),
        (2, b"20", "status"),
        (2, b"201", "status"),
        (2, b"", "status"),
        (5, b"\x05Hello\0\0\0\x06World", "metadata"),
        (5, b"\x00", "metadata"),
    ] {
        let mut frames = good;
        frames[place] = wrong;
        let told = answer(frames).expect_err("not good");
        assert!(told.contains(why), "{told}");
    }
    for frames in [&good[..5], &good[..1], &[]] {
        let told = read_answer(&message(frames)).expect_err("too short");
        assert!(told.contains("frames"), "{told}");
    }
    let longer: Vec<&[u8]> = good.iter().copied().chain([&b""[..]]).collect();
    read_answer(&message(&longer)).expect_err("too long");
}
