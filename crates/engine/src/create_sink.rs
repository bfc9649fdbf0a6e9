//! `CREATE SINK`: so far only into the black hole, which counts changes and drops them.

use std::sync::Arc;

use plan::RelationId;
use sql::{CreateSink, ObjectKind};

use crate::catalog::{Entry, Object};
use crate::create_table::skip_existing;
use crate::incremental::{Unnamed, ViewPlan, plan_view};
use crate::read::Reader;
use crate::session::Session;
use crate::{Error, Outcome, SqlState};

const BLACKHOLE: &str = "blackhole";

/// Creates a sink.
pub(crate) async fn run(session: &mut Session, sink: &CreateSink, sql: &str) -> Result<Outcome, Error> {
    session.leave_transaction("CREATE SINK").await?;
    check_options(sink)?;
    let engine = Arc::clone(&session.engine);
    let change = engine.catalog().change().await;
    let done = Outcome::Done("CREATE SINK".to_owned());
    if let Some(notice) = skip_existing(&change.snapshot(), &sink.name, sink.if_not_exists)? {
        session.notices.push(notice);
        return Ok(done);
    }
    let reader = Reader::now(engine.catalog(), engine.runtime());
    let ViewPlan { node, reads } = plan_view(&session.binder, &reader, &sink.query, &[]).await?;
    drop(reader);
    let oid = engine.catalog().new_oid();
    let (columns, properties) = (Arc::clone(node.schema()), node.properties());
    let unfinished = Unnamed::new(engine.runtime(), RelationId(oid));
    engine.runtime().create_sink(RelationId(oid), &sink.name.name, node).await?;
    unfinished.keep();
    let object = Object {
        oid,
        kind: ObjectKind::Sink,
        name: sink.name.name.clone(),
        schema_name: sql::SCHEMA,
        defaults: vec![None; columns.fields().len()],
        columns,
        primary_key: vec![],
        definition: sql.to_owned(),
        comment: None,
        depends_on: reads.into_iter().collect(),
    };
    change.put(Entry {
        object: Arc::new(object),
        relation: None,
        properties,
        query: None,
        defaults: vec![],
        create_sql: sql.to_owned(),
    });
    Ok(done)
}

fn check_options(sink: &CreateSink) -> Result<(), Error> {
    match sink.with.get("connector").map(String::as_str) {
        Some(BLACKHOLE) => {}
        Some(other) => {
            return Err(Error::unsupported(format!("a sink with connector '{other}' is not supported yet"))
                .with_hint(format!("The only connector for sinks is '{BLACKHOLE}'.")));
        }
        None => {
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "option \"connector\" is missing")
                .with_hint(format!("For example: WITH (connector = '{BLACKHOLE}').")));
        }
    }
    match sink.with.keys().find(|key| key.as_str() != "connector") {
        Some(unknown) => Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("unknown option \"{unknown}\" for connector \"{BLACKHOLE}\""),
        )
        .with_hint(format!("Connector '{BLACKHOLE}' has no options."))),
        None => Ok(()),
    }
}
