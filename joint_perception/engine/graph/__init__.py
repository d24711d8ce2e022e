# SPDX-License-Identifier: Apache-2.0
"""Networks that come as a file: exported ones, and any ONNX network with a contract."""
