//! From the words of a `CREATE SOURCE` statement to a source: which connector they mean. What its
//! options mean is the connector's own business.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

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
    let settings = |connector| Settings::new(connector, options);
    match connector.as_str() {
        #[cfg(feature = "nexmark")]
        "nexmark" => Ok(Arc::new(crate::nexmark::NexmarkSource::new(columns, settings("nexmark")?)?)),
        #[cfg(feature = "datagen")]
        "datagen" => Ok(Arc::new(crate::datagen::DatagenSource::new(columns, settings("datagen")?)?)),
        #[cfg(feature = "file")]
        "file" => Ok(Arc::new(crate::files::FileSource::new(columns, settings("file")?)?)),
        known if CONNECTORS.contains(&known) => {
            Err(Error::Unsupported(format!("connector \"{known}\" is not part of this build")))
        }
        _ => {
            let hint = hint(connector, &CONNECTORS, "connectors");
            Err(Error::UnknownConnector { name: connector.clone(), hint })
        }
    }
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
