"""Santurkar, Tsipras, Ilyas and Madry 2018, How Does Batch Normalization Help Optimization?, and what follows."""
