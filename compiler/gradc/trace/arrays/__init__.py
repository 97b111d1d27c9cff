"""The traced array: operators, attributes, storage shared by views, what is known of values, indexing."""
