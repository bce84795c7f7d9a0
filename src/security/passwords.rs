//! The decision by a peer's name and password (PLAIN).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use super::watchers::{Watcher, Watchers};
use super::{Authenticate, Candidate, Proof, Verdict};

/// A list of users with their passwords, for PLAIN. A clone shares its entries with the original, so it can be changed while a
/// socket uses it. The user id of a peer is its name.
///
/// `Debug` shows the number of users alone.
///
/// ```
/// use highwater::security::{Passwords, Security};
///
/// let users = Passwords::from([("admin", "secret"), ("guest", "")]);
/// let security = Security::plain_server(users.clone());
/// users.set("admin", "better");
/// // Connections of a guest, if there are any, end at once.
/// assert!(users.remove("guest"));
/// ```
#[derive(Clone, Default)]
pub struct Passwords(Arc<List>);

#[derive(Default)]
struct List {
    users: RwLock<HashMap<Vec<u8>, Vec<u8>>>,
    watchers: Watchers,
}

impl Passwords {
    /// Adds a user, or changes its password. Connections that were made with the former password stay.
    pub fn set(&self, user: impl Into<Vec<u8>>, password: impl Into<Vec<u8>>) {
        let mut users = self.0.users.write().unwrap_or_else(PoisonError::into_inner);
        users.insert(user.into(), password.into());
    }

    /// Removes a user, and ends its connections; false if it was not on the list.
    ///
    /// Once this returns, no socket receives a message of such a peer or sends one to it; see
    /// [`revoke_peers`](crate::Pull::revoke_peers).
    pub fn remove(&self, user: impl AsRef<[u8]>) -> bool {
        let user = user.as_ref();
        let mut users = self.0.users.write().unwrap_or_else(PoisonError::into_inner);
        let was_there = users.remove(user).is_some();
        drop(users);
        if was_there {
            let user = String::from_utf8_lossy(user);
            self.0.watchers.tell(|watcher| {
                watcher.revoked(&|peer| peer.mechanism == "PLAIN" && peer.user == user);
            });
        }
        was_there
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
        let users = self.0.users.read().unwrap_or_else(PoisonError::into_inner);
        let known = users.get(&user[..]);
        // An unknown name takes as long as a wrong password, so the time does not tell which names exist.
        let right = same(known.map_or(&b"no password"[..], |known| known), password);
        if known.is_some() && right {
            Verdict::allow(String::from_utf8_lossy(user))
        } else {
            Verdict::deny()
        }
    }

    fn watched_by(&self, watcher: Weak<dyn Watcher>) {
        self.0.watchers.add(watcher);
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users = self.0.users.read().unwrap_or_else(PoisonError::into_inner);
        write!(f, "Passwords({} users)", users.len())
    }
}

/// Whether both are equal. The time depends on the length of `given` alone.
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
        list.check(&Candidate::for_tests(Proof::Plain {
            user: user.into(),
            password: password.into(),
        }))
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
        let null = Candidate::for_tests(Proof::Null);
        assert_eq!(list.check(&null), Verdict::deny());
    }
}
