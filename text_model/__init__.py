"""What all text models share: base model, tokens, training loop, ONNX export and sessions."""
