//! `SHOW`: what there is, and settings.

use sql::{Name, ObjectKind, PgType, Show};

use crate::catalog::CatalogSnapshot;
use crate::rows::text_outcome;
use crate::session::Session;
use crate::{Error, Outcome, Settings, Tag, catalog};

/// Shows it.
pub(crate) fn run(session: &Session, show: &Show) -> Result<Outcome, Error> {
    let columns = columns(show);
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    text_outcome(Tag::Show, &names, &rows(session, show)?)
}

/// The names of the columns, all of text.
pub(crate) fn columns(show: &Show) -> Vec<String> {
    let names: &[&str] = match show {
        Show::Objects(_) | Show::Schemas | Show::Databases => &["name"],
        Show::Columns(_) => &["name", "type", "nullable", "default"],
        Show::Create(..) => &["name", "create_sql"],
        Show::AllSettings => &["name", "setting", "description"],
        Show::Setting(name) => return vec![Settings::display_name(name).to_owned()],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn rows(session: &Session, show: &Show) -> Result<Vec<Vec<Option<String>>>, Error> {
    let catalog = session.engine.catalog().snapshot();
    let one = |value: &str| vec![Some(value.to_owned())];
    Ok(match show {
        Show::Objects(kind) => names(&catalog, *kind).into_iter().map(|name| vec![Some(name)]).collect(),
        Show::Schemas => vec![one("information_schema"), one("pg_catalog"), one(sql::SCHEMA)],
        Show::Databases => vec![one(sql::DATABASE)],
        Show::Columns(name) => table_columns(&catalog, name)?,
        Show::Create(kind, name) => {
            let entry = catalog.get_kind(name, *kind)?;
            vec![vec![Some(catalog::qualified(name)), Some(entry.create_sql.clone())]]
        }
        Show::Setting(name) => vec![vec![Some(session.info.settings.show(name)?)]],
        Show::AllSettings => {
            let settings = session.info.settings.all().into_iter();
            settings.map(|(name, value, about)| vec![Some(name), Some(value), Some(about)]).collect()
        }
    })
}

fn names(catalog: &CatalogSnapshot, kind: ObjectKind) -> Vec<String> {
    let mut names: Vec<String> =
        catalog.objects.iter().filter(|object| object.kind == kind).map(|object| object.name.clone()).collect();
    names.sort();
    names
}

fn table_columns(catalog: &CatalogSnapshot, name: &Name) -> Result<Vec<Vec<Option<String>>>, Error> {
    let object = &catalog.get(name)?.object;
    let column = |(index, field): (usize, &arrow::datatypes::FieldRef)| {
        let data_type = PgType::from_field(field).map_or_else(|| field.data_type().to_string(), |one| one.name());
        let nullable = if field.is_nullable() { "yes" } else { "no" };
        let default = object.defaults.get(index).cloned().flatten();
        vec![Some(field.name().clone()), Some(data_type), Some(nullable.to_owned()), default]
    };
    Ok(object.columns.fields().iter().enumerate().map(column).collect())
}
