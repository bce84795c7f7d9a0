//! A radix tree from topics to values, which finds all prefixes of a topic in one descent.
//!
//! Owns: the nodes, and their parents and children.
//! Always true: a node without a value has at least two children, or is the root. A node with a value keeps its
//! [`NodeId`] until the value is removed.
//! Must not know: what a value means.
//!
//! Labels are runs of bytes, so a look-up visits one node per branch on its way, not one per byte. No function here is
//! recursive: a peer chooses how deep the tree is.

mod slab;

use crate::Frame;
use slab::Slab;

/// A node that holds a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(u32);

/// The value of a topic; the default value means none.
pub(crate) trait Value: Default {
    /// Whether this is no value, so that the topic can be removed.
    fn is_nothing(&self) -> bool;
}

/// The tree. It holds a topic as long as the topic has a value.
#[derive(Debug)]
pub(crate) struct Trie<V> {
    nodes: Slab<Node<V>>,
    topics: usize,
}

#[derive(Debug)]
struct Node<V> {
    /// The bytes between the parent's topic and this one's; empty only for the root.
    label: Frame,
    value: V,
    /// The children by the first byte of their labels, sorted.
    children: Vec<(u8, u32)>,
    parent: u32,
}

const ROOT: u32 = 0;

impl<V: Value> Default for Trie<V> {
    fn default() -> Self {
        Self {
            nodes: Slab::with(Node::default()),
            topics: 0,
        }
    }
}

impl<V: Value> Default for Node<V> {
    fn default() -> Self {
        Self::new(Frame::EMPTY, ROOT)
    }
}

impl<V: Value> Node<V> {
    fn new(label: Frame, parent: u32) -> Self {
        Self {
            label,
            value: V::default(),
            children: Vec::new(),
            parent,
        }
    }

    /// The child whose label begins with `first`.
    #[inline]
    fn child(&self, first: u8) -> Option<u32> {
        // Where the first bytes follow each other without a gap, as digits do, this is the place. A gap before it moves it
        // down, and then the search finds it.
        let (lowest, _) = *self.children.first()?;
        let dense = usize::from(first.wrapping_sub(lowest));
        if let Some(&(byte, id)) = self.children.get(dense)
            && byte == first
        {
            return Some(id);
        }
        // Up to 8 children fit in a cache line, where a linear search is faster than a binary one.
        if self.children.len() <= 8 {
            let mut children = self.children.iter();
            return children.find(|(byte, _)| *byte == first).map(|(_, id)| *id);
        }
        self.slot(first).ok().map(|slot| self.children[slot].1)
    }

    fn slot(&self, first: u8) -> Result<usize, usize> {
        self.children
            .binary_search_by_key(&first, |(byte, _)| *byte)
    }

    /// The bytes of `text` behind the label of this node, which is the [child](Self::child) for the first byte of `text`.
    /// `None` if `text` does not begin with the label.
    #[inline]
    fn behind_label<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        match self.label.as_slice() {
            // A function call less.
            [_] => text.get(1..),
            label => text.strip_prefix(label),
        }
    }
}

impl<V: Value> Trie<V> {
    /// How many topics there are.
    pub(crate) fn len(&self) -> usize {
        self.topics
    }

    /// The value of the empty topic, which is a prefix of every topic.
    #[inline]
    pub(crate) fn root(&self) -> &V {
        &self.nodes[ROOT].value
    }

    /// The value that is kept for the topic of `node`.
    pub(crate) fn value(&self, node: NodeId) -> &V {
        &self.nodes[node.0].value
    }

    /// The node of `topic`, if it is there.
    pub(crate) fn find(&self, topic: &[u8]) -> Option<NodeId> {
        let mut node = ROOT;
        let mut rest = topic;
        while let Some(&first) = rest.first() {
            node = self.nodes[node].child(first)?;
            rest = self.nodes[node].behind_label(rest)?;
        }
        let found = NodeId(node);
        (!self.value(found).is_nothing()).then_some(found)
    }

    /// Calls `each` with the value of every topic that is a prefix of `text`, shortest first, until `each` gives
    /// `false`.
    #[inline]
    pub(crate) fn prefixes<'a>(&'a self, text: &[u8], mut each: impl FnMut(&'a V) -> bool) {
        let mut node = &self.nodes[ROOT];
        let mut rest = text;
        loop {
            if !node.value.is_nothing() && !each(&node.value) {
                return;
            }
            let Some(child) = rest.first().and_then(|&first| node.child(first)) else {
                return;
            };
            node = &self.nodes[child];
            match node.behind_label(rest) {
                Some(shorter) => rest = shorter,
                None => return,
            }
        }
    }

    /// Changes the value of `topic`. A missing topic is added; a topic left without a value is removed.
    pub(crate) fn update<R>(
        &mut self,
        topic: &[u8],
        change: impl FnOnce(NodeId, &mut V) -> R,
    ) -> R {
        let node = self.reach(topic);
        self.update_at(NodeId(node), change)
    }

    /// Changes the value of the topic of `node`. A topic left without a value is removed.
    pub(crate) fn update_at<R>(
        &mut self,
        node: NodeId,
        change: impl FnOnce(NodeId, &mut V) -> R,
    ) -> R {
        let value = &mut self.nodes[node.0].value;
        let before = value.is_nothing();
        let result = change(node, value);
        match (before, value.is_nothing()) {
            (true, false) => self.topics += 1,
            (false, true) => self.topics -= 1,
            (true, true) | (false, false) => {}
        }
        self.tidy(node.0);
        result
    }

    /// The topic of `node`.
    pub(crate) fn topic(&self, node: NodeId) -> Vec<u8> {
        let mut labels = Vec::new();
        let mut at = node.0;
        while at != ROOT {
            let node = &self.nodes[at];
            labels.push(node.label.as_slice());
            at = node.parent;
        }
        labels.reverse();
        labels.concat()
    }

    /// Calls `each` with every topic, in the order of their bytes.
    pub(crate) fn each_topic(&self, mut each: impl FnMut(&[u8])) {
        let mut topic = Vec::new();
        // Nodes to visit, each with the length of its parent's topic.
        let mut ahead = vec![(ROOT, 0)];
        while let Some((at, depth)) = ahead.pop() {
            let node = &self.nodes[at];
            topic.truncate(depth);
            topic.extend_from_slice(&node.label);
            if !node.value.is_nothing() {
                each(&topic);
            }
            let children = node.children.iter().rev();
            ahead.extend(children.map(|(_, child)| (*child, topic.len())));
        }
    }

    /// The node of `topic`; a missing one is added, without a value.
    fn reach(&mut self, topic: &[u8]) -> u32 {
        let mut node = ROOT;
        let mut rest = topic;
        while let Some(&first) = rest.first() {
            let Some(child) = self.nodes[node].child(first) else {
                return self.add(node, Frame::from(rest));
            };
            let label = self.nodes[child].label.as_slice();
            let common = common_prefix(label, rest);
            rest = &rest[common..];
            node = if common == label.len() {
                child
            } else {
                self.split(child, common)
            };
        }
        node
    }

    /// Adds a node below `parent`, which has no child with the same first byte.
    fn add(&mut self, parent: u32, label: Frame) -> u32 {
        let first = *label.first().expect("only the root has no label");
        let node = Node::new(label, parent);
        let id = self.nodes.insert(node);
        let siblings = &mut self.nodes[parent];
        let slot = siblings.slot(first).expect_err("it has no child like it");
        siblings.children.insert(slot, (first, id));
        id
    }

    /// Puts a node between `lower` and its parent; the label of the new node has `length` bytes.
    fn split(&mut self, lower: u32, length: usize) -> u32 {
        let label = std::mem::take(&mut self.nodes[lower].label);
        let parent = self.nodes[lower].parent;
        self.unlink(parent, label[0]);
        let upper = self.add(parent, Frame::from(&label[..length]));
        self.link(upper, lower, Frame::from(&label[length..]));
        upper
    }

    /// Removes `node` if it is not needed any more, and then its parent if that was needed only for `node`.
    fn tidy(&mut self, node: u32) {
        let mut at = node;
        while at != ROOT {
            let Node {
                label,
                value,
                children,
                parent,
            } = &self.nodes[at];
            if !value.is_nothing() || children.len() > 1 {
                return;
            }
            let (first, parent) = (label[0], *parent);
            self.unlink(parent, first);
            let only_child = self.nodes[at].children.pop();
            let label = std::mem::take(&mut self.nodes[at].label);
            self.nodes.remove(at);
            if let Some((_, child)) = only_child {
                let label = [label.as_slice(), &self.nodes[child].label].concat();
                self.link(parent, child, Frame::from(label));
                return;
            }
            at = parent;
        }
    }

    fn unlink(&mut self, parent: u32, first: u8) {
        let parent = &mut self.nodes[parent];
        let slot = parent.slot(first).expect("a child is known to its parent");
        parent.children.remove(slot);
    }

    fn link(&mut self, parent: u32, child: u32, label: Frame) {
        let first = label[0];
        let node = &mut self.nodes[child];
        node.label = label;
        node.parent = parent;
        let parent = &mut self.nodes[parent];
        let slot = parent.slot(first).expect_err("its place is free");
        parent.children.insert(slot, (first, child));
    }
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests;
