//! Names and passwords for PLAIN.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, RwLock};

use super::{Authenticate, Candidate, Proof, Verdict};

/// A list of users with their passwords. A clone is the same list: change it while it is in use.
///
/// `Debug` shows how many there are.
#[derive(Clone, Default)]
pub struct Passwords {
    users: Arc<RwLock<HashMap<Vec<u8>, Vec<u8>>>>,
}

impl Passwords {
    /// Adds a user, or changes the password of one.
    pub fn set(&self, user: impl Into<Vec<u8>>, password: impl Into<Vec<u8>>) {
        let mut users = self
            .users
            .write()
            .unwrap_or_else(|poison| poison.into_inner());
        users.insert(user.into(), password.into());
    }

    /// Takes a user out; whether it was there.
    pub fn remove(&self, user: impl AsRef<[u8]>) -> bool {
        let mut users = self
            .users
            .write()
            .unwrap_or_else(|poison| poison.into_inner());
        users.remove(user.as_ref()).is_some()
    }
}

impl<U: Into<Vec<u8>>, P: Into<Vec<u8>>, const N: usize> From<[(U, P); N]> for Passwords {
    fn from(users: [(U, P); N]) -> Self {
        let list = Self::default();
        for (user, password) in users {
            list.set(user, password);
        }
        list
    }
}

impl Authenticate for Passwords {
    fn check(&self, who: &Candidate) -> Verdict {
        let Proof::Plain { user, password } = &who.proof else {
            return Verdict::deny();
        };
        let users = self
            .users
            .read()
            .unwrap_or_else(|poison| poison.into_inner());
        let known = users.get(&user[..]);
        // An unknown name takes as long as a wrong password.
        let right = same(known.map_or(&b"no password"[..], |known| known), password);
        if known.is_some() && right {
            Verdict::allow(String::from_utf8_lossy(user))
        } else {
            Verdict::deny()
        }
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users = self
            .users
            .read()
            .unwrap_or_else(|poison| poison.into_inner());
        write!(f, "Passwords({} users)", users.len())
    }
}

/// Whether the two are the same, in a time that depends on the length of `given` alone.
fn same(known: &[u8], given: &[u8]) -> bool {
    let mut differs = u8::from(known.len() != given.len());
    for (index, byte) in given.iter().enumerate() {
        let known = known.get(index).copied().unwrap_or(!byte);
        differs |= std::hint::black_box(known ^ byte);
    }
    differs == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &Passwords, user: &'static [u8], password: &'static [u8]) -> Verdict {
        list.check(&Candidate {
            address: None,
            proof: Proof::Plain {
                user: user.into(),
                password: password.into(),
            },
        })
    }

    #[test]
    fn the_right_password_of_a_user_lets_it_in_until_it_is_taken_out() {
        let list = Passwords::from([("admin", "secret"), ("empty", "")]);
        assert_eq!(check(&list, b"admin", b"secret"), Verdict::allow("admin"));
        assert_eq!(check(&list, b"empty", b""), Verdict::allow("empty"));
        for password in [&b""[..], b"secre", b"secret!", b"Secret"] {
            assert_eq!(check(&list, b"admin", password), Verdict::deny());
        }
        assert_eq!(check(&list, b"other", b"no password"), Verdict::deny());
        let same_list = list.clone();
        same_list.set("other", "word");
        assert_eq!(check(&list, b"other", b"word"), Verdict::allow("other"));
        assert!(same_list.remove("admin") && !same_list.remove("admin"));
        assert_eq!(check(&list, b"admin", b"secret"), Verdict::deny());
        assert_eq!(format!("{list:?}"), "Passwords(2 users)");
        let null = Candidate {
            address: None,
            proof: Proof::Null,
        };
        assert_eq!(list.check(&null), Verdict::deny());
    }
}
