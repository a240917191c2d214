"""The text models' shared ground: base model, tokens, ONNX export and sessions."""
