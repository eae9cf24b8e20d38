"""Files that other runtimes serve: ONNX, OpenVINO, torch.export, in float32 and in int8."""
