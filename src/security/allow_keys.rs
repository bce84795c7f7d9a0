//! Public keys that may come in.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, RwLock};

use highwater_curve::PublicKey;

use super::{Authenticate, Candidate, Proof, Verdict};

/// A list of public keys. A clone is the same list: add and revoke while it is in use. The user id of a peer is its key.
#[derive(Clone, Default)]
pub struct AllowKeys {
    keys: Arc<RwLock<HashSet<PublicKey>>>,
}

impl AllowKeys {
    /// A list of these keys.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        Self {
            keys: Arc::new(RwLock::new(keys.into_iter().collect())),
        }
    }

    /// Adds a key; whether it was not there.
    pub fn add(&self, key: PublicKey) -> bool {
        let mut keys = self
            .keys
            .write()
            .unwrap_or_else(|poison| poison.into_inner());
        keys.insert(key)
    }

    /// Takes a key out; whether it was there.
    pub fn revoke(&self, key: &PublicKey) -> bool {
        let mut keys = self
            .keys
            .write()
            .unwrap_or_else(|poison| poison.into_inner());
        keys.remove(key)
    }

    /// Whether the key is on the list.
    pub fn has(&self, key: &PublicKey) -> bool {
        let keys = self
            .keys
            .read()
            .unwrap_or_else(|poison| poison.into_inner());
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
}

impl fmt::Debug for AllowKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self
            .keys
            .read()
            .unwrap_or_else(|poison| poison.into_inner());
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
        let check = |list: &AllowKeys, key| {
            list.check(&Candidate {
                address: None,
                proof: Proof::Curve { key },
            })
        };
        let list = AllowKeys::new([key(1)]);
        assert_eq!(check(&list, key(1)), Verdict::allow(key(1).to_string()));
        assert_eq!(check(&list, key(2)), Verdict::deny());
        let same_list = list.clone();
        assert!(same_list.add(key(2)) && !same_list.add(key(2)));
        assert!(same_list.revoke(&key(1)) && !same_list.revoke(&key(1)));
        assert_eq!(check(&list, key(1)), Verdict::deny());
        assert_eq!(check(&list, key(2)), Verdict::allow(key(2).to_string()));
        let null = Candidate {
            address: None,
            proof: Proof::Null,
        };
        assert_eq!(list.check(&null), Verdict::deny());
    }
}
