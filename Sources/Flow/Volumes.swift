// SPDX-License-Identifier: Apache-2.0
import Act

func volumeEngine(_ request: Request) throws -> VolumeEngine? { nil }
