"""The commands: `gan-train`, `gan-sample`, `gan-data`."""
