use super::low_order::small;
use super::*;
use crate::z85::Z85Error;
use dryoc::classic::crypto_core::{crypto_scalarmult, crypto_scalarmult_base};

fn pair(seed: u8) -> Keypair {
    Keypair::from_secret(SecretKey::from_bytes([seed; LEN]))
}

#[test]
fn two_ends_agree_as_another_implementation_does() {
    let (a, b) = (pair(1), pair(2));
    let one = a.secret.agree(&b.public).expect("a secret");
    let other = b.secret.agree(&a.public).expect("a secret");
    assert_eq!(one, other);
    let mut theirs = [0; LEN];
    crypto_scalarmult(&mut theirs, a.secret.expose(), b.public.as_bytes()).expect("a good key");
    assert_eq!(*one, theirs);
    crypto_scalarmult_base(&mut theirs, a.secret.expose());
    assert_eq!(*a.public.as_bytes(), theirs);
}

/// The keys with which libzmq and libsodium spoke in `tests/vectors/curve-ok`.
#[test]
fn libsodium_has_the_same_public_key_for_a_secret_one() {
    for (secret, public) in [
        (
            "@JHaID6lrfM$KTNDY]^7j8#fM{5sJ!:jJw+!8(BY",
            "@Wgf2ngz%>YU${ckR>y[-Hvek9F3cEdj!(i+mM3p",
        ),
        (
            "0^bL2P?@4V>:]SW<NI}zjAu4V:F$ud!D#Y5x!HdZ",
            "Tg&]WNQl>%knSxFZC+PQ]GJO<a<DNJZOH.AZla{w",
        ),
    ] {
        let secret: SecretKey = secret.parse().expect("good text");
        assert_eq!(secret.public().to_string(), public);
    }
}

#[test]
fn points_of_low_order_are_refused_in_every_form() {
    for point in LOW_ORDER {
        for high in [0, 0x80] {
            let mut bytes = point;
            bytes[LEN - 1] |= high;
            assert_eq!(PublicKey::from_bytes(bytes), Err(KeyError::LowOrder));
            // The list is right: whatever the secret, nothing is shared.
            assert!(pair(7).secret.agree(&PublicKey(bytes)).is_none());
        }
    }
    for near in [small(2, 0), small(0xeb, 0xff), small(0xef, 0xff)] {
        let key = PublicKey::from_bytes(near).expect("of no low order");
        assert!(pair(7).secret.agree(&key).is_some());
    }
}

#[test]
fn a_public_key_is_read_back_from_its_text() {
    let key = pair(3).public();
    let text = key.to_string();
    assert_eq!(text.len(), 40);
    assert_eq!(text.parse(), Ok(key));
    assert_eq!(format!("{key:?}"), format!("PublicKey({text})"));
    let secret = pair(3).secret().clone();
    let again: SecretKey = secret.to_text().as_str().parse().expect("good text");
    assert!(again == secret && again.public() == key);
}

#[test]
fn the_debug_text_of_a_pair_has_no_secret() {
    let pair = pair(4);
    let shown = format!("{pair:?}");
    assert_eq!(
        shown,
        format!("Keypair {{ public: {:?}, .. }}", pair.public())
    );
    assert!(!shown.contains(pair.secret().to_text().as_str()));
}

#[test]
fn two_keys_that_do_not_belong_together_are_no_pair() {
    assert!(Keypair::new(pair(1).public(), pair(1).secret().clone()).is_ok());
    assert_eq!(
        Keypair::new(pair(2).public(), pair(1).secret().clone()).err(),
        Some(KeyError::NoPair)
    );
}

#[test]
fn a_text_of_another_form_is_told_as_what_it_looks_like() {
    let read = |text: &str| text.parse::<SecretKey>().err();
    let good = pair(5).public().to_string();
    assert_eq!(read(&"aB09".repeat(16)), Some(KeyError::Hex));
    assert_eq!(read(&format!("{}\n", "0f".repeat(32))), Some(KeyError::Hex));
    assert_eq!(
        read(&format!("{}=", "aB+/".repeat(11).split_at(43).0)),
        Some(KeyError::Base64)
    );
    assert_eq!(
        read("aB-_".repeat(11).split_at(43).0),
        Some(KeyError::Base64)
    );
    assert_eq!(read(&format!("{good}\n")), Some(KeyError::Blank));
    assert_eq!(read(&format!(" {good}")), Some(KeyError::Blank));
    assert_eq!(read(&format!("{good}\0")), Some(KeyError::Blank));
    assert_eq!(read(""), Some(KeyError::Length { len: 0 }));
    assert_eq!(read(&good[..39]), Some(KeyError::Length { len: 39 }));
    let bad = good.replacen(&good[7..8], "~", 1);
    let at = bad.find('~').expect("it was put there");
    assert_eq!(read(&bad), Some(KeyError::Z85(Z85Error::Character { at })));
    let over = format!("#####{}", &good[5..]);
    assert_eq!(read(&over), Some(KeyError::Z85(Z85Error::Group { at: 0 })));
}

#[test]
fn generated_pairs_differ() {
    let (one, other) = (Keypair::generate(), Keypair::generate());
    assert!(one.public() != other.public() && one.secret() != other.secret());
}
