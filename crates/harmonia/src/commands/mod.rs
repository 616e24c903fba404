//! What each command does, one file each.

pub mod audit;
pub mod backtest;
pub mod cards;
pub mod check;
pub mod claim;
pub mod config;
pub mod demo;
pub mod drain;
pub mod export;
pub mod exports;
pub mod generate;
pub mod import;
pub mod keys;
pub mod lifecycle;
pub mod lists;
pub mod mids;
pub mod migrate;
pub mod preview;
pub mod purge;
pub mod redress;
pub mod rejects;
pub mod review;
pub mod run;
pub mod serve;
pub mod status;
pub mod why;
