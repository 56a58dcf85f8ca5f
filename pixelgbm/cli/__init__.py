"""The commands: each file parses its options, makes one library call and prints."""
