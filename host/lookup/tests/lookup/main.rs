//! Queries sources as the server does: real files, databases, web services and RADIUS servers.
mod files;
mod limits;
mod postgresql;
mod radius;
mod reload;
mod sqlite;
mod support;
mod web_service;
