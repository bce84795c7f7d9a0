use super::*;

fn candidate(proof: Proof) -> Candidate {
    Candidate::for_tests(proof)
}

fn plain(user: &'static str, password: &'static str) -> Candidate {
    candidate(Proof::Plain {
        user: user.into(),
        password: password.into(),
    })
}

#[test]
fn a_closure_decides() {
    let security = Security::plain_server(|who: &Candidate| match &who.proof {
        Proof::Plain { user, .. } if user == "admin" => Verdict::allow("root"),
        _ => Verdict::Later,
    });
    let Some(Decision::Asks(decides)) = security.decision() else {
        panic!("a server asks");
    };
    assert_eq!(decides.check(&plain("admin", "")), Verdict::allow("root"));
    assert_eq!(decides.check(&plain("other", "")), Verdict::Later);
}

#[test]
fn anyone_has_to_be_said() {
    let security = Security::null().anyone();
    assert!(matches!(security.decision(), Some(Decision::Anyone)));
    assert!(Security::default().decision().is_none());
}

#[test]
fn no_secret_is_shown() {
    let client = Security::plain_client("user", "hidden").expect("both are short");
    assert!(Security::plain_client("user", vec![b'x'; 256]).is_err());
    let shown = format!("{client:?} {:?}", plain("user", "hidden"));
    assert!(!shown.contains("hidden"), "{shown}");
}
