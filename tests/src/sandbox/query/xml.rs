//! The XML answers of the Query protocol.

use quick_xml::escape::escape;

/// An XML document under construction: one root element, members appended in order.
#[derive(Debug)]
pub struct Xml {
    text: String,
    root: String,
}

impl Xml {
    /// A document whose root element carries a namespace.
    pub fn document(root: &str, namespace: &str) -> Self {
        Self { text: format!("<{root} xmlns=\"{namespace}\">"), root: root.to_owned() }
    }

    /// A document whose root element carries no namespace.
    pub fn bare(root: &str) -> Self {
        Self { text: format!("<{root}>"), root: root.to_owned() }
    }

    /// A member with a text value.
    pub fn text(&mut self, name: &str, value: impl AsRef<str>) {
        self.open(name);
        self.text.push_str(&escape(value.as_ref()));
        self.close(name);
    }

    /// A member that is left out when there is no value.
    pub fn optional(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// A member that is a structure.
    pub fn within(&mut self, name: &str, members: impl FnOnce(&mut Self)) {
        self.open(name);
        members(self);
        self.close(name);
    }

    /// A list: each item is written as one `member`.
    pub fn list<T>(&mut self, name: &str, items: impl IntoIterator<Item = T>, mut item: impl FnMut(&mut Self, T)) {
        self.within(name, |list| {
            for each in items {
                list.within("member", |member| item(member, each));
            }
        });
    }

    /// A list of strings.
    pub fn strings(&mut self, name: &str, items: impl IntoIterator<Item = impl AsRef<str>>) {
        self.within(name, |list| {
            for each in items {
                list.text("member", each);
            }
        });
    }

    /// The document's text.
    pub fn finish(mut self) -> String {
        let root = std::mem::take(&mut self.root);
        self.close(&root);
        self.text
    }

    fn open(&mut self, name: &str) {
        self.text.extend(["<", name, ">"]);
    }

    fn close(&mut self, name: &str) {
        self.text.extend(["</", name, ">"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_lists_have_members() {
        let mut xml = Xml::document("R", "urn:x");
        xml.text("A", "a<b & \"c\"");
        xml.strings("L", ["1", "2"]);
        xml.optional("N", None::<&str>);
        assert_eq!(
            xml.finish(),
            "<R xmlns=\"urn:x\"><A>a&lt;b &amp; &quot;c&quot;</A><L><member>1</member><member>2</member></L></R>"
        );
    }
}
