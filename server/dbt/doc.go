// Package dbt reads the manifests that dbt makes of a project, as far as somebody needs
// them who compares the tables of two states of it: a library that imports nothing of
// this program.
//
// A manifest is read as a stream, a node at a time, so that one of 50 MB takes a few MB
// of memory: [Read] keeps of it what [Plan] asks. The versions of its schema are those
// of dbt 1.3 (v7) to 1.11 (v12), and of Fusion (v20, which its makers call the same as
// v12). Members that are not read may be anything.
package dbt
