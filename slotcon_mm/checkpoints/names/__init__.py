"""What libraries call the tensors of the same networks: a table for each family."""
