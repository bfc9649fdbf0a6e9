//! From the words of a `CREATE SOURCE` statement to a source: which connector they mean. What its
//! options mean is the connector's own business.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use crate::datagen::DatagenSource;
use crate::files::FileSource;
use crate::nexmark::NexmarkSource;
use crate::settings::{Settings, hint};
use crate::{Error, Source};

/// A `CREATE SOURCE` statement, as far as connectors care.
#[derive(Clone, Debug)]
pub struct SourceOptions {
    /// The declared columns, if any were.
    pub columns: Option<SchemaRef>,
    /// `WITH (...)`, keys in lower case, with `connector` among them.
    pub with: BTreeMap<String, String>,
    /// `FORMAT PLAIN ENCODE JSON (...)`: the encoding's name in upper case, and its options.
    pub encode: Option<(String, BTreeMap<String, String>)>,
}

/// The names of all connectors.
const CONNECTORS: [&str; 3] = ["nexmark", "datagen", "file"];

/// The source that `options` describes.
///
/// # Errors
/// If the connector or an option is unknown, or a value is wrong.
pub fn create(options: &SourceOptions) -> Result<Arc<dyn Source>, Error> {
    let connector = options.with.get("connector").ok_or_else(|| Error::InvalidOption {
        name: "connector".into(),
        message: format!("missing; it is one of {}", CONNECTORS.join(", ")),
    })?;
    let columns = options.columns.as_ref();
    Ok(match connector.as_str() {
        "nexmark" => Arc::new(NexmarkSource::new(columns, Settings::new("nexmark", options)?)?),
        "datagen" => Arc::new(DatagenSource::new(columns, Settings::new("datagen", options)?)?),
        "file" => Arc::new(FileSource::new(columns, Settings::new("file", options)?)?),
        _ => {
            let hint = hint(connector, &CONNECTORS, "connectors");
            return Err(Error::UnknownConnector { name: connector.clone(), hint });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connectors_by_name() {
        let create = |name: Option<&str>| {
            let with = name.map(|name| ("connector".to_owned(), name.to_owned())).into_iter().collect();
            create(&SourceOptions { columns: None, with, encode: None })
        };
        assert!(matches!(create(None), Err(Error::InvalidOption { name, .. }) if name == "connector"));
        assert!(
            matches!(create(Some("nexmrk")), Err(Error::UnknownConnector { hint, .. }) if hint == "Did you mean \"nexmark\"?")
        );
        assert!(
            matches!(create(Some("kafka")), Err(Error::UnknownConnector { hint, .. }) if hint.contains("nexmark, datagen, file"))
        );
    }
}
