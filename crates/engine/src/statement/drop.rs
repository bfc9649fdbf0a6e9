//! `DROP TABLE|SOURCE|VIEW|MATERIALIZED VIEW|SINK`.

use std::collections::HashSet;
use std::sync::Arc;

use plan::RelationId;
use sql::{Drop, ObjectKind};

use crate::catalog::{kind_name, qualified};
use crate::session::Session;
use crate::{Error, Notice, Outcome, SqlState};

/// Drops things, and with CASCADE all that reads them.
pub(crate) async fn run(session: &mut Session, drop: &Drop) -> Result<Outcome, Error> {
    let verb = format!("DROP {}", kind_name(drop.kind).to_uppercase());
    session.admit_definition(&verb)?;
    let engine = Arc::clone(&session.engine);
    let change = engine.catalog().change().await;
    let catalog = change.snapshot();
    let mut targets = Vec::with_capacity(drop.names.len());
    for name in &drop.names {
        match catalog.get_kind(name, drop.kind) {
            Ok(entry) => targets.push(Arc::clone(&entry.object)),
            Err(error) if drop.if_exists && error.code != SqlState::WRONG_OBJECT_TYPE => {
                let message = format!("{} \"{}\" does not exist, skipping", kind_name(drop.kind), qualified(name));
                session.notices.push(Notice::new(message));
            }
            Err(error) => return Err(error),
        }
    }
    let mut seen = HashSet::new();
    targets.retain(|object| seen.insert(object.oid));
    let dropping = catalog.dropping(&targets, drop.cascade)?;
    session.notices.extend(dropping.notice);
    session.end_implicit().await?;
    let oids: Vec<u32> = dropping.objects.iter().map(|object| object.oid).collect();
    // A plain view has no dataflow.
    let relations = dropping.objects.iter().filter(|object| object.kind != ObjectKind::View);
    let relations: Vec<RelationId> = relations.map(|object| RelationId(object.oid)).collect();
    change.remove(&oids);
    if !relations.is_empty() {
        engine.runtime().drop_relations(relations).await?;
    }
    Ok(Outcome::Done(verb))
}
