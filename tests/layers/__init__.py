"""Tests of the kinds of layers."""
