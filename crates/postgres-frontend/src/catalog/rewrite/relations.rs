//! Whether all that a statement reads is catalogs.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{ObjectName, Query, Visit, Visitor};

use super::syntax::parts;

/// Whether the syntax names relations, and all of them are the catalogs' or its own `WITH` queries.
pub(super) fn are_catalogs(syntax: &impl Visit) -> bool {
    let mut relations = Relations { own: Vec::new(), catalogs: 0, others: 0 };
    let _ = syntax.visit(&mut relations);
    relations.catalogs > 0 && relations.others == 0
}

struct Relations {
    /// The names of `WITH` queries.
    own: Vec<String>,
    catalogs: usize,
    others: usize,
}

impl Visitor for Relations {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.own.extend(tables.map(|table| table.alias.name.value.to_lowercase()));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        match parts(name).unwrap_or_default().as_slice() {
            [schema, _] if ["pg_catalog", "information_schema"].contains(&schema.as_str()) => self.catalogs += 1,
            [name] if name.starts_with("pg_") => self.catalogs += 1,
            // Functions that give rows of their own read nothing.
            [name] if self.own.contains(name) || ["unnest", "generate_series"].contains(&name.as_str()) => {}
            _ => self.others += 1,
        }
        ControlFlow::Continue(())
    }
}
