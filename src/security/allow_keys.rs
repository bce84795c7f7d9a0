//! The decision by a peer's public key (CURVE).

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use highwater_curve::PublicKey;

use super::watchers::{Watcher, Watchers};
use super::{Authenticate, Candidate, Proof, Verdict};

/// A list of public keys whose owners may connect. A clone shares its entries with the original, so keys can be added and revoked
/// while a socket uses the list. The user id of a peer is its key, in Z85.
///
/// ```
/// use highwater::security::{AllowKeys, Keypair, Security};
/// use highwater::{Context, Pull};
///
/// let (server, client) = (Keypair::generate(), Keypair::generate());
/// let allowed = AllowKeys::new([client.public()]);
/// let pull = Pull::builder(&Context::new())
///     .security(Security::curve_server(&server).only(allowed.clone()))
///     .build();
/// // Its connections, if there are any, end at once.
/// allowed.revoke(&client.public());
/// ```
#[derive(Clone, Default)]
pub struct AllowKeys(Arc<List>);

#[derive(Default)]
struct List {
    keys: RwLock<HashSet<PublicKey>>,
    watchers: Watchers,
}

impl AllowKeys {
    /// A list of these keys.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        Self(Arc::new(List {
            keys: RwLock::new(keys.into_iter().collect()),
            watchers: Watchers::default(),
        }))
    }

    /// Adds a key; false if it was on the list already.
    pub fn add(&self, key: PublicKey) -> bool {
        let mut keys = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.insert(key)
    }

    /// Removes a key, and ends the connections of peers that have it; false if it was not on the list.
    ///
    /// Once this returns, no socket receives a message of such a peer or sends one to it; see
    /// [`revoke_peers`](crate::Pull::revoke_peers). The peer connects again, and is refused with a reason. About a peer whose
    /// handshake is under way it is decided again.
    pub fn revoke(&self, key: &PublicKey) -> bool {
        let mut keys = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        let was_there = keys.remove(key);
        drop(keys);
        if was_there {
            self.0
                .watchers
                .tell(|watcher| watcher.revoked(&|peer| peer.key == Some(*key)));
        }
        was_there
    }

    /// Whether the key is on the list.
    pub fn has(&self, key: &PublicKey) -> bool {
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.contains(key)
    }
}

impl Authenticate for AllowKeys {
    fn check(&self, who: &Candidate) -> Verdict {
        match &who.proof {
            Proof::Curve { key } if self.has(key) => Verdict::allow(key.to_string()),
            _ => Verdict::deny(),
        }
    }

    fn watched_by(&self, watcher: Weak<dyn Watcher>) {
        self.0.watchers.add(watcher);
    }
}

impl fmt::Debug for AllowKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(&*keys).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use highwater_curve::SecretKey;

    #[test]
    fn a_key_comes_in_until_it_is_revoked() {
        let key = |seed| SecretKey::from_bytes([seed; 32]).public();
        let check = |list: &AllowKeys, key| list.check(&Candidate::for_tests(Proof::Curve { key }));
        let list = AllowKeys::new([key(1)]);
        assert_eq!(check(&list, key(1)), Verdict::allow(key(1).to_string()));
        assert_eq!(check(&list, key(2)), Verdict::deny());
        let same_list = list.clone();
        assert!(same_list.add(key(2)) && !same_list.add(key(2)));
        assert!(same_list.revoke(&key(1)) && !same_list.revoke(&key(1)));
        assert_eq!(check(&list, key(1)), Verdict::deny());
        assert_eq!(check(&list, key(2)), Verdict::allow(key(2).to_string()));
        let null = Candidate::for_tests(Proof::Null);
        assert_eq!(list.check(&null), Verdict::deny());
    }
}
